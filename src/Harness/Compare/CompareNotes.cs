namespace Harness.Compare;

/// <summary>What to know beside the verdicts, one line each.</summary>
internal static class CompareNotes
{
    public static IEnumerable<string> Of(RunPool was, RunPool now, string? factor, bool inTurns)
    {
        foreach (string problem in was.Problems.Concat(now.Problems))
        {
            yield return $"damaged: {problem}";
        }
        foreach (var run in was.Runs.Concat(now.Runs).Where(run => run.Run.Status != Results.RunStatus.Complete))
        {
            yield return $"{run.Folder} was cut short; what it holds is compared";
        }
        foreach (var fact in Fingerprint.Unknown(was.Fingerprint, now.Fingerprint, factor))
        {
            yield return $"not known to match: {fact}";
        }
        foreach (var (side, pool) in new[] { ("BASE", was), ("NEW", now) })
        {
            if (pool.Runs[0].Run.SeededRegression is { } seeded)
            {
                yield return $"{side} has a seeded regression, {seeded}: the comparison checks the gate and not a build";
            }
        }
        if (was.Runs.Concat(now.Runs).Any(run => run.Run.Commit.EndsWith("-dirty", StringComparison.Ordinal)))
        {
            yield return "a build had changes that its commit does not hold; commit them, so that the figures can be told to a source";
        }
        if (!inTurns)
        {
            yield return $"NEW was measured after BASE, so figures judged over rounds need more than {RankJudge.Percent(RankRules.DriftAllowance)} for an alarm; "
                + "for less, measure in turns: several runs of --rounds 1 of each, into two folders, and compare these";
        }
    }
}
