using Harness.Io;

namespace Harness.Tests;

/// <summary>
/// The backends that keep the loop's contract, by name: those that a user can choose, and their level-triggered variants as <c>backend/variant</c>, see
/// <see cref="LoopVariants"/>, and two that let messages gather before every sleep. The edge-triggered variants promise less and only the pipe test has them.
/// </summary>
internal static class TestedBackends
{
    public const string MultishotUpdate = "uring-poll/multishot-update";
    public const string EpollPoll = "uring-epoll/epoll-poll";
    public const string EpollGathering = "epoll/gathering";
    public const string UringGathering = "uring/gathering";

    public static IReadOnlyList<string> All { get; } = [.. LoopBackends.All, MultishotUpdate, EpollPoll, EpollGathering, UringGathering];

    public static ILoopBackend Create(string name) => name switch
    {
        MultishotUpdate => new UringPollBackend(RingPollMode.Update),
        EpollPoll => new UringEpollBackend(waitInRing: false),
        _ => LoopBackends.Create(BackendOf(name)),
    };

    /// <summary>Pauses before every sleep, where the name says so.</summary>
    public static Gathering? GatheringOf(string name) => name is EpollGathering or UringGathering ? new AlwaysGathering() : null;

    /// <summary>The backend that it is or is a variant of.</summary>
    public static string BackendOf(string name) => name.Split('/')[0];
}

/// <summary>A pause of 10 µs before every sleep, whatever it brings.</summary>
internal sealed class AlwaysGathering() : Gathering(10_000)
{
    public override long BeforeSleep(ILoopBackend clock, long messages) => 10_000;
}

/// <summary>Theory data: every one of them, by name.</summary>
public sealed class TestedBackendNames : TheoryData<string>
{
    public TestedBackendNames()
    {
        foreach (string name in TestedBackends.All)
        {
            Add(name);
        }
    }
}
