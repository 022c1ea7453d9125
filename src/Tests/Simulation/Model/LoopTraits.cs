namespace Harness.Tests;

/// <summary>In what backends differ, and may.</summary>
/// <param name="HearsRawClose">A close(2) by hand ends what waits on the descriptor.</param>
/// <param name="TellsPast">
/// In a batch an event may be told of what was so since it was called last and is so no more: a poll in a ring fires at the wake-up, with the events
/// of the wake-up, and the kernel does not look again when the loop takes the completion. For the same reason one report may leave out what became so
/// at another wake-up.
/// </param>
internal readonly record struct LoopTraits(bool HearsRawClose = false, bool TellsPast = false)
{
    public static LoopTraits Of(string name)
    {
        string backend = TestedBackends.BackendOf(name);
        return new(HearsRawClose: backend is "epoll" or "uring-epoll", TellsPast: backend is "uring" or "uring-poll");
    }
}
