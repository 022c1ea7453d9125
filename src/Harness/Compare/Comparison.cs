using Harness.Report;
using Harness.Results;

namespace Harness.Compare;

/// <summary>Holds NEW against BASE, cell by cell.</summary>
internal static class Comparison
{
    private static readonly string Remedy = "compare runs of one machine in one state; of what may differ only the kernel can be declared: --factor kernel";

    /// <exception cref="HarnessException">The fingerprints differ; the line names the first fact that does.</exception>
    public static CompareDocument Of(RunPool was, RunPool now, ComparisonOptions options)
    {
        RefuseOtherFingerprint(was, now, options.Factor);
        var cells = Pairs(was, now);
        bool inTurns = Turns.AreTaken(cells);
        var judge = new CellJudge(new RankRules { MinEffect = options.MinEffect, InTurns = inTurns }, options.Gate);
        CellVerdict[] verdicts = judge.Judge(cells);
        return new CompareDocument
        {
            Verdict = verdicts.Length == 0 ? Verdict.CannotSay : verdicts.Select(cell => cell.Verdict).MaxBy(Weight),
            Gate = options.Gate,
            MinEffect = options.MinEffect,
            FalseAlarmRate = RankRules.FalseAlarmRate,
            Factor = options.Factor,
            InTurns = inTurns,
            Base = ComparedSide.Of(was),
            New = ComparedSide.Of(now),
            Notes = [.. CompareNotes.Of(was, now, options.Factor, inTurns)],
            Cells = verdicts,
        };
    }

    /// <summary>Which verdict stands for several: one regression outweighs all, and what was found outweighs what was not.</summary>
    public static int Weight(Verdict verdict) => verdict switch
    {
        Verdict.Worse => 3,
        Verdict.Better => 2,
        Verdict.CannotSay => 1,
        _ => 0,
    };

    /// <summary>The cells of either side, in the order of reports.</summary>
    public static IReadOnlyList<CellPair> Pairs(RunPool was, RunPool now) =>
    [
        .. was.Records.Concat(now.Records)
            .DistinctBy(record => record.Cell)
            .Order(CellOrder.Instance)
            .Select(record => new CellPair(record.Cell, record.Axes, Of(was, record.Cell), Of(now, record.Cell))),
    ];

    private static CellRecord[] Of(RunPool pool, string cell) => [.. pool.Records.Where(record => record.Cell == cell)];

    private static void RefuseOtherFingerprint(RunPool was, RunPool now, string? factor)
    {
        var differences = Fingerprint.Differences(was.Fingerprint, now.Fingerprint, factor);
        if (differences.FirstOrDefault(difference => difference is { Fact: Fingerprint.GuestMode, Base: not null, New: not null }) is { } mode)
        {
            throw new HarnessException(ExitCode.Usage, $"instructions and times are never held against each other: BASE is {mode.Base} and NEW is {mode.New}; give runs of one mode");
        }
        if (differences.Count > 0)
        {
            string others = differences.Count > 1 ? $" (and {differences.Count - 1} more: {string.Join(", ", differences.Skip(1).Select(other => other.Fact))})" : "";
            throw new HarnessException(ExitCode.Usage, $"no verdict across different fingerprints: {differences[0]}{others}; {Remedy}");
        }
    }
}

/// <summary>What was asked for.</summary>
internal sealed record ComparisonOptions
{
    public const double DefaultMinEffect = 0.03;

    public Gate Gate { get; init; } = Gate.Counted;
    public double MinEffect { get; init; } = DefaultMinEffect;

    /// <summary><see cref="Fingerprint.KernelFactor"/> or null.</summary>
    public string? Factor { get; init; }
}

/// <summary>The records of one cell on both sides.</summary>
internal sealed record CellPair(string Cell, IReadOnlyDictionary<string, string> Axes, CellRecord[] Base, CellRecord[] New)
{
    public LoadResult[] BaseLoads { get; } = Measured(Base);
    public LoadResult[] NewLoads { get; } = Measured(New);

    private static LoadResult[] Measured(CellRecord[] records) => [.. records.Where(record => record.Status == CellStatus.Ok).Select(record => record.Load!)];
}
