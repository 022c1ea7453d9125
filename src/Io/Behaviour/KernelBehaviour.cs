namespace Harness.Io;

/// <summary>How what a kernel did compares to what was expected of it.</summary>
public enum BehaviourVerdict
{
    /// <summary>It did what Linux 6.18 does, which the program is written for.</summary>
    AsExpected,

    /// <summary>It did something else, which is a finding and no failure.</summary>
    Differs,

    /// <summary>It lacks what the experiment needs.</summary>
    Skipped,
}

/// <summary>One small experiment on the running kernel, and what came of it.</summary>
/// <param name="Name">What is tried, in a few words; stable, so that kernels can be laid side by side.</param>
/// <param name="Expected">What Linux 6.18 does.</param>
/// <param name="Seen">What this kernel did, in the same words; what it lacks, where it was skipped.</param>
/// <param name="Verdict">Whether the two are the same.</param>
/// <param name="Meaning">What follows for whoever writes a program on it.</param>
public sealed record KernelBehaviour(string Name, string Expected, string Seen, BehaviourVerdict Verdict, string Meaning);
