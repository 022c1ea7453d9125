namespace Harness.Tests;

/// <summary>What a client whose sides are on two threads promises to its caller, each of which a program may show to be broken.</summary>
internal enum SidesRule
{
    /// <summary>Each request ends, once.</summary>
    EndsOnce,

    /// <summary>The memory of a request that has ended is the caller's again: what is written to it then reaches nobody.</summary>
    MemoryIsFree,

    /// <summary>The end of the connection is told once, after every request's, and without an error only where nothing but a disconnect ended it.</summary>
    EndIsTold,

    /// <summary>Both sides keep to their tables of states, and find what they look for.</summary>
    NoFault,
}

/// <summary>A program has shown that a rule does not hold.</summary>
internal sealed class SidesRuleBrokenException(SidesRule rule, string what, Exception? cause = null) : Exception(what, cause)
{
    public SidesRule Rule { get; } = rule;
}
