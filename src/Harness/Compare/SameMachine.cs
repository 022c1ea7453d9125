namespace Harness.Compare;

/// <summary>Refuses to confirm on another machine, or on this one in another state, than the one that was compared.</summary>
internal static class SameMachine
{
    /// <param name="side">Whose runs they are, for the message.</param>
    /// <param name="recorded">What the runs recorded.</param>
    /// <param name="here">What holds now.</param>
    /// <exception cref="HarnessException">They differ; the line names the first fact that does.</exception>
    public static void Require(string side, Fingerprint recorded, Fingerprint here)
    {
        FactDifference[] differences = [.. Fingerprint.Differences(recorded, here, factor: null)];
        if (differences is [var fact, .. var others])
        {
            string more = others.Length == 0 ? "" : $" (and {others.Length} more: {string.Join(", ", others.Select(other => other.Fact))})";
            throw new HarnessException(
                ExitCode.Usage,
                $"--confirm measures where the runs were measured, and {fact.Fact} was '{fact.Base}' in {side.ToUpperInvariant()} and is '{fact.New}' here{more}; "
                + "restore it, or compare without --confirm");
        }
    }
}
