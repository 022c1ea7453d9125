namespace Harness.Io;

/// <summary>A way of waiting for descriptors that the pipe test measures: a backend, or something of it that a user of a loop cannot choose.</summary>
/// <param name="Backend">The backend that it is of.</param>
/// <param name="Variant">What is different.</param>
/// <param name="Description">What it does for each event, in a sentence without a full stop.</param>
public sealed record LoopVariant(string Backend, string Variant, string Description)
{
    /// <summary>Makes the way of moving tokens; the loop is made on the calling thread.</summary>
    internal Func<PipeRing, IPipeMover> Make { get; init; } = _ => throw new InvalidOperationException("a variant of nothing");
}
