namespace HdrHistogram;

public abstract partial class HistogramBase
{
    /// <summary>One step for each slot that counted anything, smallest value first.</summary>
    public IEnumerable<HistogramIterationValue> RecordedValues() => Slots(onlyRecorded: true);

    /// <summary>One step for each slot, whether it counted anything or not.</summary>
    public IEnumerable<HistogramIterationValue> AllValues() => Slots(onlyRecorded: false);

    /// <summary>
    /// Steps through the percentiles, finer towards 100: <paramref name="percentileTicksPerHalfDistance"/> steps from 0 to 50, as many from 50 to 75,
    /// and so on until the largest value, which comes once more as percentile 100.
    /// </summary>
    public IEnumerable<HistogramIterationValue> Percentiles(int percentileTicksPerHalfDistance)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(percentileTicksPerHalfDistance);
        return PercentileSteps(percentileTicksPerHalfDistance);
    }

    private IEnumerable<HistogramIterationValue> Slots(bool onlyRecorded)
    {
        var step = new StepState(this);
        for (int index = 0; index < _counts.Length; index++)
        {
            step.MoveTo(index);
            if (!onlyRecorded || _counts[index] != 0)
            {
                yield return step.Take(step.Percentile);
            }
        }
    }

    private IEnumerable<HistogramIterationValue> PercentileSteps(int ticksPerHalfDistance)
    {
        var step = new StepState(this);
        int lastIndex = LastUsedIndex;
        double level = 0.0;
        for (int index = 0; index < lastIndex; index++)
        {
            step.MoveTo(index);

            // One slot may reach several levels; a level of 100 is kept for the last slot, whatever rounding says.
            while (_counts[index] != 0 && step.Percentile >= level && level < 100.0)
            {
                yield return step.Take(level);
                level = NextLevel(level, ticksPerHalfDistance);
            }
        }

        if (lastIndex >= 0)
        {
            step.MoveTo(lastIndex);
            if (level < 100.0)
            {
                yield return step.Take(level);
            }

            yield return step.Take(100.0);
        }
    }

    /// <summary>The distance left to 100 is halved n times; within one half the ticks are equally far apart, so they stay easy to read.</summary>
    private static double NextLevel(double level, int ticksPerHalfDistance)
    {
        double halvings = Math.Truncate(Math.Log(100.0 / (100.0 - level)) / Math.Log(2)) + 1;
        double next = level + (100.0 / (ticksPerHalfDistance * Math.Pow(2, halvings)));

        // So near to 100 that a tick is lost in rounding, there is no next level but 100 itself.
        return next > level ? Math.Min(next, 100.0) : 100.0;
    }

    /// <summary>What an iteration has seen so far.</summary>
    private struct StepState(HistogramBase histogram)
    {
        private int _index;
        private long _countToHere;
        private long _countToPreviousStep;
        private long _valueOfPreviousStep;

        public readonly double Percentile => histogram.TotalCount == 0 ? 0.0 : 100.0 * _countToHere / histogram.TotalCount;

        public void MoveTo(int index)
        {
            _index = index;
            _countToHere += histogram._counts[index];
        }

        public HistogramIterationValue Take(double level)
        {
            long value = histogram._layout.HighestValueAt(_index);
            var result = new HistogramIterationValue(
                ValueIteratedTo: value,
                ValueIteratedFrom: _valueOfPreviousStep,
                CountAtValueIteratedTo: histogram._counts[_index],
                CountAddedInThisIterationStep: _countToHere - _countToPreviousStep,
                TotalCountToThisValue: _countToHere,
                Percentile: Percentile,
                PercentileLevelIteratedTo: level);
            _valueOfPreviousStep = value;
            _countToPreviousStep = _countToHere;
            return result;
        }
    }
}
