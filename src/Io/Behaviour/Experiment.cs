namespace Harness.Io;

/// <summary>What is to be tried, and what is known of it beforehand.</summary>
/// <param name="Name">See <see cref="KernelBehaviour.Name"/>.</param>
/// <param name="Expected">What Linux 6.18 does.</param>
/// <param name="Meaning">What follows from that.</param>
/// <param name="Try">Does it in a lab of its own, and says what was seen in the words of <paramref name="Expected"/>.</param>
internal sealed record Experiment(string Name, string Expected, string Meaning, Func<BehaviourLab, string> Try)
{
    /// <summary>The operation without which it cannot be tried.</summary>
    public RingOpcode Needs { get; init; } = RingOpcode.NOP;

    /// <summary>The feature without which it cannot be tried.</summary>
    public RingFeatures NeedsFeature { get; init; }

    /// <summary>The set-up flag without which it cannot be tried.</summary>
    public SetupFlags NeedsFlag { get; init; }

    /// <summary>How its ring is set up.</summary>
    public RingOptions Options { get; init; } = new() { Entries = 8 };

    /// <summary>Tries it, on a thread that ends with it.</summary>
    public KernelBehaviour Run(RingProbe probe)
    {
        string? lacks = Lacks(probe);
        if (lacks is not null)
        {
            return new KernelBehaviour(Name, Expected, lacks, BehaviourVerdict.Skipped, Meaning);
        }

        string seen;
        try
        {
            using var lab = new BehaviourLab(Options);
            seen = Try(lab);
        }
        catch (Exception e) when (e is RingException or IoException)
        {
            seen = e.Message;
        }

        return new KernelBehaviour(Name, Expected, seen, seen == Expected ? BehaviourVerdict.AsExpected : BehaviourVerdict.Differs, Meaning);
    }

    private string? Lacks(RingProbe probe) =>
        !probe.IsSupported(Needs) ? $"no IORING_OP_{Needs}"
        : (probe.Features & NeedsFeature) != NeedsFeature ? $"no IORING_FEAT_{NeedsFeature}"
        : (probe.Flags & NeedsFlag) != NeedsFlag ? $"no IORING_SETUP_{NeedsFlag}"
        : null;
}
