namespace Harness.Compare;

/// <summary>What is said of a figure, of a cell, and of a comparison.</summary>
internal enum Verdict
{
    Same,
    Better,

    /// <summary>Nothing can be said, and the reason says what would help.</summary>
    CannotSay,
    Worse,
}

/// <summary>How a figure behaves from run to run, which is how it is judged.</summary>
internal enum FigureKind
{
    /// <summary>The same on every run of the same code: judged exactly.</summary>
    Invariant,

    /// <summary>A count that moves with how requests happen to meet in a batch: judged over rounds.</summary>
    LoadDependent,

    /// <summary>Time: judged over rounds.</summary>
    Timed,
}

/// <summary>Which figures decide the verdict and the exit code; the others are shown.</summary>
internal enum Gate
{
    /// <summary>The invariant ones.</summary>
    Counted,

    /// <summary>Those that are judged over rounds: timed and load-dependent.</summary>
    Timed,

    /// <summary>All.</summary>
    All,
}

/// <summary>The verdicts and kinds as people read them.</summary>
internal static class VerdictText
{
    public static bool Covers(this Gate gate, FigureKind kind) => gate == Gate.All || (gate == Gate.Counted) == (kind == FigureKind.Invariant);

    public static string Words(this Verdict verdict) => verdict == Verdict.CannotSay ? "cannot say" : verdict.ToString().ToLowerInvariant();

    public static string Words(this FigureKind kind) => kind == FigureKind.LoadDependent ? "load-dependent" : kind.ToString().ToLowerInvariant();
}
