using BenchmarkDotNet.Attributes;
using HdrHistogram;

namespace Harness.Micro;

/// <summary>What it costs to record one latency, in the layout that loads use.</summary>
public class HistogramRecord
{
    private const int Values = 1024;

    private readonly long[] _values = new long[Values];
    private LongHistogram _histogram = null!;

    [GlobalSetup]
    public void Setup()
    {
        _histogram = LatencyHistogram.Create();
        var random = new Random(1);
        for (int i = 0; i < Values; i++)
        {
            // From 100 ns to 10 ms, as many in each decade: a branch that is always taken would look too cheap.
            _values[i] = (long)Math.Pow(10, 2 + (5 * random.NextDouble()));
        }
    }

    [Benchmark(OperationsPerInvoke = Values)]
    public void RecordValue()
    {
        foreach (long value in _values)
        {
            _histogram.RecordValue(value);
        }
    }
}
