using Harness.Io;

namespace Harness.Tests;

/// <summary>What a step of a <see cref="LoopProgram"/> does.</summary>
internal enum LoopStepKind
{
    Open,
    Add,
    SetFlags,
    Remove,
    PeerWrite,
    Read,
    PeerShut,
    PeerClose,
    Close,
    Reuse,
    RawClose,
    Schedule,
    Cancel,
    StartTimer,
    StopTimer,
    LoopOnce,
    WaitOnce,
    RunOnce,
}

/// <summary>
/// One step. A step that makes no sense where it stands, such as a write to a peer that has gone, does nothing: so every part of a program is a program.
/// </summary>
/// <param name="Kind">What it does.</param>
/// <param name="Slot">Which channel, immediate event or timer.</param>
/// <param name="Event">Which event of the channel.</param>
/// <param name="Flags">What the event waits for.</param>
/// <param name="Channel">What is opened.</param>
/// <param name="Count">How often, where it runs the loop.</param>
internal sealed record LoopStep(
    LoopStepKind Kind, int Slot = 0, int Event = 0, FdFlags Flags = FdFlags.None, LoopChannelKind Channel = LoopChannelKind.Socket, int Count = 1)
{
    /// <summary>What the handler does when it is called.</summary>
    public IReadOnlyList<LoopStep> Script { get; init; } = [];

    public override string ToString() => Words() + (Script.Count == 0 ? string.Empty : $" {{ {string.Join("; ", Script)} }}");

    private string Words() => Kind switch
    {
        LoopStepKind.Open => $"open {Slot} {Channel}",
        LoopStepKind.Add => $"add {Slot}.{Event} {Flags}",
        LoopStepKind.SetFlags => $"flags {Slot}.{Event} {Flags}",
        LoopStepKind.Remove => $"remove {Slot}.{Event}",
        LoopStepKind.PeerWrite => $"peer-write {Slot}",
        LoopStepKind.Read => $"read {Slot}",
        LoopStepKind.PeerShut => $"peer-shut {Slot}",
        LoopStepKind.PeerClose => $"peer-close {Slot}",
        LoopStepKind.Close => $"close {Slot}",
        LoopStepKind.Reuse => $"remove-events-close-and-open {Slot} {Channel}",
        LoopStepKind.RawClose => $"close-unheard-and-open {Slot} {Channel}",
        LoopStepKind.Schedule => $"schedule {Slot}",
        LoopStepKind.Cancel => $"cancel {Slot}",
        LoopStepKind.StartTimer => $"timer {Slot}",
        LoopStepKind.StopTimer => $"stop-timer {Slot}",
        LoopStepKind.LoopOnce => $"loop-once x{Count}",
        LoopStepKind.WaitOnce => "loop-once-with-sleep",
        LoopStepKind.RunOnce => "run-once",
        _ => Kind.ToString(),
    };
}

/// <summary>What is done with a loop, step by step.</summary>
internal sealed record LoopProgram(IReadOnlyList<LoopStep> Steps)
{
    public override string ToString() => "\n" + string.Concat(Steps.Select(step => $"    {step}\n"));
}
