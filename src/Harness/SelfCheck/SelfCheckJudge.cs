using Harness.Compare;
using Harness.Results;
using Harness.Serve;

namespace Harness.SelfCheck;

/// <summary>From comparisons to whether the gate works.</summary>
internal static class SelfCheckJudge
{
    private const int OneIn = 20;

    /// <summary>What each counted regression moves, so that nothing else is taken for it.</summary>
    private static readonly Dictionary<string, string[]> s_moves = new()
    {
        [SeededRegression.SystemCall] = ["server.syscalls_per_op", "server.sqes_by_opcode_per_op."],
        [SeededRegression.Allocation] = ["server.allocated_bytes_per_op"],
    };

    public static SameBuildResult SameBuild(CompareDocument comparison) => new()
    {
        Verdict = comparison.Verdict,
        Figures = comparison.Cells.SelectMany(cell => cell.Figures)
            .GroupBy(figure => figure.Verdict)
            .OrderBy(group => group.Key)
            .ToDictionary(group => group.Key.Words().Replace(' ', '_'), group => group.Count()),
        FalseAlarms = Findings(comparison, verdict => verdict is Verdict.Worse or Verdict.Better),
    };

    public static SeededResult Seeded(SeededCheck check, CompareDocument comparison)
    {
        var findings = Findings(comparison, verdict => verdict == Verdict.Worse);
        bool found = findings.Any(finding => IsMoved(check.Kind, finding));
        return new SeededResult
        {
            Kind = check.Kind,
            Gate = check.Gate,
            Verdict = comparison.Verdict,
            Found = found,
            Reason = found ? null : CompareLines.Doubts(comparison).FirstOrDefault(),
            Findings = findings,
        };
    }

    public static SelfCheckSummary Sum(IReadOnlyList<SelfCheckComparison> results, int asked)
    {
        var summary = new SelfCheckSummary
        {
            Comparisons = results.Count,
            InvariantFalseAlarms = results.Count(result => result.SameBuild.FalseAlarms.Any(alarm => alarm.Kind == FigureKind.Invariant)),
            RankedFalseAlarms = results.Count(result => result.SameBuild.FalseAlarms.Any(alarm => alarm.Kind != FigureKind.Invariant)),
            RankedFalseAlarmsAllowed = Math.Max(1, asked / OneIn),
            Found = results.SelectMany(result => result.Seeded)
                .GroupBy(seeded => seeded.Kind)
                .ToDictionary(group => group.Key, group => group.Count(seeded => seeded.Found)),
        };
        return results.Count < asked ? summary : summary with
        {
            Passed = summary.InvariantFalseAlarms == 0
                && summary.RankedFalseAlarms <= summary.RankedFalseAlarmsAllowed
                && summary.Found.Values.All(found => found == asked),
        };
    }

    // A busy wait moves whatever has to do with time.
    private static bool IsMoved(string kind, SelfCheckFinding finding) => finding.Figure is { } figure
        && (!s_moves.TryGetValue(kind, out var moved) || moved.Any(name => figure.StartsWith(name, StringComparison.Ordinal)));

    private static SelfCheckFinding[] Findings(CompareDocument comparison, Func<Verdict, bool> counts) =>
    [
        .. from cell in comparison.Cells
           from figure in cell.Figures
           where figure.Gated && counts(figure.Verdict)
           select new SelfCheckFinding
           {
               Cell = cell.Cell,
               Figure = figure.Figure,
               Kind = figure.Kind,
               Verdict = figure.Verdict,
               Base = figure.Base,
               New = figure.New,
               P = figure.P,
               Tolerance = figure.Tolerance,
           },
        .. from cell in comparison.Cells
           where counts(cell.Verdict) && cell.DecidedBy is null
           select new SelfCheckFinding { Cell = cell.Cell, Verdict = cell.Verdict, Reason = cell.Reason },
    ];
}
