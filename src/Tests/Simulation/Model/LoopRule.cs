namespace Harness.Tests;

/// <summary>What a loop promises, each of which a program may show to be broken.</summary>
internal enum LoopRule
{
    /// <summary>A look calls a handler where something is ready.</summary>
    ReadyIsTold,

    /// <summary>A look calls one handler, and says whether it has.</summary>
    OneHandler,

    /// <summary>Ends, then immediate events, then timers, then the rest; immediate events and timers among themselves in the order of their starts.</summary>
    Order,

    /// <summary>An event is told only of what it asks for.</summary>
    OnlyItsFlags,

    /// <summary>An event is told only of what is so: at the moment, or in a batch at its beginning.</summary>
    OnlyWhatIsSo,

    /// <summary>An event that was removed is told of nothing.</summary>
    NothingAfterRemove,

    /// <summary>An event of a descriptor that is closed is told of its end once, with the right error, and of nothing else.</summary>
    EndsOnce,

    /// <summary>An event is told of nothing that happens on another file that has its descriptor's number.</summary>
    NoStranger,

    /// <summary>A close ends, once, with 0, after the events of its descriptor.</summary>
    CloseEnds,

    /// <summary>What is cancelled or stopped is not called.</summary>
    NothingAfterCancel,

    /// <summary>No event that stays ready waits for more calls than there are events on its descriptor for each descriptor with events, and changes.</summary>
    Fair,

    /// <summary>A batch calls an event once at most.</summary>
    OncePerBatch,

    /// <summary>A batch calls everything that is ready when it begins and stays so.</summary>
    WholeBatch,

    /// <summary>The model knows what poll(2) says: not about the loop, but about the test.</summary>
    ModelIsRight,
}

/// <summary>A program has shown that a rule does not hold.</summary>
internal sealed class LoopRuleBrokenException(LoopRule rule, string what) : Exception($"broken rule {rule}: {what}")
{
    public LoopRule Rule { get; } = rule;
}
