using Harness.Results;
using MathNet.Numerics.Statistics;

namespace Harness.Compare;

/// <summary>One figure over the rounds of one side. Where no round has it, all but the count is not a number.</summary>
internal sealed record Rounds(IReadOnlyList<double> Values)
{
    public double Median { get; } = Values.Median();
    public double Lowest { get; } = Values.Minimum();
    public double Highest { get; } = Values.Maximum();
    public int Count => Values.Count;

    // JSON has no word for infinity, but 1e999 reads as one; no figure is.
    public static Rounds Of(Figure figure, IEnumerable<LoadResult> loads) => new([.. loads.Select(figure.Read).OfType<double>().Where(double.IsFinite)]);
}
