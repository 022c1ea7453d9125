namespace Harness.Compare;

/// <summary>What came of one figure of one cell.</summary>
internal sealed record FigureResult
{
    public required string Figure { get; init; }
    public required FigureKind Kind { get; init; }

    /// <summary>Whether it takes part in the cell's verdict.</summary>
    public bool Gated { get; init; }

    public Verdict Verdict { get; init; }

    /// <summary>The median over BASE's rounds; null where it was not had.</summary>
    public double? Base { get; init; }

    /// <summary>The median over NEW's rounds; null where it was not had.</summary>
    public double? New { get; init; }

    public int BaseRounds { get; init; }
    public int NewRounds { get; init; }

    /// <summary>New over base; null where base is zero.</summary>
    public double? Ratio { get; init; }

    /// <summary>The 95 % interval of the ratio; null for invariant figures, which have none.</summary>
    public double? RatioLow { get; init; }

    /// <inheritdoc cref="RatioLow"/>
    public double? RatioHigh { get; init; }

    /// <summary>Of the verdict better or worse against chance, corrected for the number of tests; null for invariant figures.</summary>
    public double? P { get; init; }

    /// <summary>Invariant: the difference that edges alone can make; null for the others.</summary>
    public double? Tolerance { get; init; }

    /// <summary>Why, in one clause; null where the figures say it themselves.</summary>
    public string? Reason { get; init; }

    /// <summary>What the rounds that were compared said by themselves, where the figure was then measured again; else null.</summary>
    public Verdict? FirstVerdict { get; init; }

    /// <summary>What the fresh rounds alone say; null where it was not measured again. All other members are of the rounds that were compared.</summary>
    public FigureResult? Again { get; init; }

    public static FigureResult Of(Figure figure, Rounds was, Rounds now) => new()
    {
        Figure = figure.Name,
        Kind = figure.Kind,
        Base = was.Median,
        New = now.Median,
        BaseRounds = was.Count,
        NewRounds = now.Count,
    };

    public static FigureResult CannotSay(Figure figure, string reason) => new()
    {
        Figure = figure.Name,
        Kind = figure.Kind,
        Verdict = Verdict.CannotSay,
        Reason = reason,
    };
}
