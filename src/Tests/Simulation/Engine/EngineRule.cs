namespace Harness.Tests;

/// <summary>What the server promises to its clients, each of which a program may show to be broken.</summary>
internal enum EngineRule
{
    /// <summary>Each request is answered, unless its connection is lost.</summary>
    Answered,

    /// <summary>Each request is answered once, by its own cookie, and nothing else is.</summary>
    AnsweredOnce,

    /// <summary>
    /// A reply is of a form that was negotiated, its chunks lie within the request, do not overlap and leave nothing out, and the last is marked.
    /// </summary>
    WellFormed,

    /// <summary>A READ with DF is answered by one chunk.</summary>
    DfIsOneChunk,

    /// <summary>A READ sees the last write that ended before it, or one that ran beside it.</summary>
    ReadSeesWrites,

    /// <summary>What BLOCK_STATUS calls zeroes was zeroes when it was asked, or might have become that.</summary>
    StatusIsTrue,

    /// <summary>What the store could not do is answered by its error, what it could do is not.</summary>
    ErrorIsTold,

    /// <summary>A request that the protocol forbids is answered by the error that the protocol names.</summary>
    BadIsRefused,

    /// <summary>The store is given nothing but what the protocol allows and the export can do.</summary>
    StoreSeesOnlyGood,

    /// <summary>A FLUSH that has ended covers every write that had ended when it was sent, on any connection.</summary>
    FlushIsDurable,

    /// <summary>A write with FUA is durable when it has ended.</summary>
    FuaIsDurable,

    /// <summary>No connection has more in flight than it may.</summary>
    WindowIsKept,

    /// <summary>A connection that says goodbye, or says nothing more, still gets what it has asked for.</summary>
    LeavingIsServed,

    /// <summary>While a drained section is quiet the store has nothing and is given nothing.</summary>
    DrainHolds,

    /// <summary>A drain of the store is quiet when the store has ended what it had and the answers are sent.</summary>
    DrainEnds,

    /// <summary>When all have gone nothing is left of them.</summary>
    NothingLeft,
}

/// <summary>A program has shown that a rule does not hold.</summary>
internal sealed class EngineRuleBrokenException(EngineRule rule, string what) : Exception($"broken rule {rule}: {what}")
{
    public EngineRule Rule { get; } = rule;

    /// <summary>The same, with the program that has shown it.</summary>
    public EngineRuleBrokenException In(EngineSetup setup) => new(Rule, $"{what} ({setup}; HARNESS_TEST_SEED={setup.Seed} runs it alone)");
}
