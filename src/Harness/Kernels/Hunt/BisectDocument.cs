namespace Harness.Kernels.Hunt;

/// <summary>What <c>harness kernels bisect --json</c> prints.</summary>
internal sealed record BisectDocument
{
    public required string Cell { get; init; }

    /// <summary>From how much above GOOD a version was bad, in percent; null is half of the way to BAD.</summary>
    public double? ThresholdPercent { get; init; }

    /// <summary>The release before the change; null where the ends do not differ.</summary>
    public string? LastGood { get; init; }

    /// <summary>The release with the change.</summary>
    public string? FirstBad { get; init; }

    /// <summary>Instructions per operation of <see cref="FirstBad"/> over those of <see cref="LastGood"/>.</summary>
    public double? Ratio { get; init; }

    /// <summary>Releases between the two that could not be measured: the change may be in any of them.</summary>
    public required IReadOnlyList<string> Skipped { get; init; }

    /// <summary>Those that were tried, from GOOD to BAD.</summary>
    public required IReadOnlyList<BisectKernel> Kernels { get; init; }
}

/// <summary>A version that was tried.</summary>
internal sealed record BisectKernel
{
    public required string Release { get; init; }

    /// <summary>Its package's version; null of one that was given by its path.</summary>
    public string? Version { get; init; }

    /// <summary>Where it came from; null of one that was given by its path.</summary>
    public string? Suite { get; init; }

    public required BisectVerdict Verdict { get; init; }

    /// <summary>Medians over its boots; null where it was skipped.</summary>
    public KernelFigure? Figure { get; init; }

    /// <summary>Why it was skipped.</summary>
    public string? Reason { get; init; }

    /// <summary>Its run; null where there is none.</summary>
    public string? Folder { get; init; }

    /// <summary>Whether that run was there before.</summary>
    public bool FromResults { get; init; }
}
