using Harness.Matrix;
using Harness.Results;

namespace Harness.Report;

/// <summary>One backend against <c>epoll</c> over all cells of a run.</summary>
internal sealed record BackendRatio
{
    public required string Backend { get; init; }

    /// <summary>The median of the cells' ratios, each of which is a median over the rounds.</summary>
    public required double MedianRatio { get; init; }

    /// <summary>How many cells have a ratio.</summary>
    public required int Cells { get; init; }

    /// <summary>How many of them have an interval, which takes six rounds.</summary>
    public required int CellsWithInterval { get; init; }

    /// <summary>The ids of the cells whose 95 % interval lies wholly below <see cref="BackendRatios.Behind"/>.</summary>
    public required IReadOnlyList<string> BehindCells { get; init; }
}

/// <summary>Every backend against <c>epoll</c>, with the same code and the same wait mode.</summary>
internal static class BackendRatios
{
    /// <summary>A cell whose whole interval lies below this ratio is behind, and not only by chance or by a hair.</summary>
    public const double Behind = 0.95;

    /// <summary>Whether a cell is behind.</summary>
    public static bool IsBehind(Spread? ratio) => ratio?.High < Behind;

    /// <summary>Every backend but the baseline that has a ratio in some cell, in their order.</summary>
    public static IReadOnlyList<BackendRatio> Of(IReadOnlyList<CellFigures> cells) =>
    [
        .. from backend in Vocabulary.Backends
           where backend != Vocabulary.BaselineBackend
           let mine = cells.Where(cell => cell.RatioToEpoll is not null && cell.Axes.GetValueOrDefault("backend") == backend).ToArray()
           where mine.Length > 0
           select new BackendRatio
           {
               Backend = backend,
               MedianRatio = Spread.Of(mine.Select(cell => cell.RatioToEpoll!.Median))!.Median,
               Cells = mine.Length,
               CellsWithInterval = mine.Count(cell => cell.RatioToEpoll!.High is not null),
               BehindCells = [.. mine.Where(cell => IsBehind(cell.RatioToEpoll)).Select(cell => cell.Cell)],
           },
    ];
}
