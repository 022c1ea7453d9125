namespace HdrHistogram;

/// <summary>One step of an iteration over a histogram.</summary>
/// <param name="ValueIteratedTo">The largest value of the slot the step ends in.</param>
/// <param name="ValueIteratedFrom">The same of the step before; 0 on the first.</param>
/// <param name="CountAtValueIteratedTo">What that one slot counted.</param>
/// <param name="CountAddedInThisIterationStep">What was counted since the step before.</param>
/// <param name="TotalCountToThisValue">What was counted up to here.</param>
/// <param name="Percentile">Which percentage of all values that is.</param>
/// <param name="PercentileLevelIteratedTo">The level that this step stands for in an iteration over percentiles; else the same as <paramref
/// name="Percentile"/>.</param>
public readonly record struct HistogramIterationValue(
    long ValueIteratedTo,
    long ValueIteratedFrom,
    long CountAtValueIteratedTo,
    long CountAddedInThisIterationStep,
    long TotalCountToThisValue,
    double Percentile,
    double PercentileLevelIteratedTo)
{
    /// <summary>True on the step that stands for all recorded values.</summary>
    public bool IsLastValue() => PercentileLevelIteratedTo == 100.0;
}
