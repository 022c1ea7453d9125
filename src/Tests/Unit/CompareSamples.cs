using Harness.Compare;
using Harness.Load;
using Harness.Matrix;
using Harness.Measure;
using Harness.Results;

namespace Harness.Tests.Unit;

/// <summary>Made-up runs to hold against each other: two cells, noisy times, exact counts; the same on every machine.</summary>
internal sealed class CompareSamples(TempDir folder)
{
    public static readonly Cell DepthOne = new(new Dictionary<string, string> { ["backend"] = "epoll", ["depth"] = "1", ["rw"] = "read" });
    public static readonly Cell Deep = new(new Dictionary<string, string> { ["backend"] = "uring", ["depth"] = "64", ["rw"] = "read" });

    /// <summary>Writes a run. Runs with <paramref name="turn"/> 0 and 1 were measured in turns.</summary>
    /// <returns>Its folder.</returns>
    public string Run(
        string name,
        int rounds = 10,
        int turn = 0,
        Func<LoadResult, LoadResult>? load = null,
        Func<RunRecord, RunRecord>? run = null,
        Func<CellRecord, CellRecord>? record = null,
        DateTimeOffset? started = null)
    {
        var start = started ?? ResultsSamples.Noon;
        var header = ResultsSamples.Run with { Started = start, Rounds = rounds };
        var results = ResultsFolder.Create(folder.File(name), run is null ? header : run(header), "");
        var random = new SplitMix64((ulong)name.Aggregate(17, (hash, c) => (hash * 31) + c));
        for (int round = 1; round <= rounds; round++)
        {
            foreach (var cell in (Cell[])[DepthOne, Deep])
            {
                var measured = Load(cell, ref random);
                var written = ResultsSamples.Ok(cell, round, measured.Iops) with
                {
                    Started = start.AddMinutes((2 * round) + turn),
                    Load = load is null ? measured : load(measured),
                };
                results.Append(record is null ? written : record(written), null);
            }
        }
        return results.Path;
    }

    public static CompareDocument Compare(string was, string now, ComparisonOptions? options = null) =>
        Comparison.Of(RunPool.Read(was), RunPool.Read(now), options ?? new ComparisonOptions());

    /// <summary>Noise as on a shared virtual machine: one percent as a rule, and in one of ten rounds a neighbour takes up to half.</summary>
    public static double Noisy(double value, ref SplitMix64 random)
    {
        double gauss = Math.Sqrt(-2 * Math.Log(Uniform(ref random))) * Math.Cos(2 * Math.PI * Uniform(ref random));
        double neighbour = Uniform(ref random) < 0.1 ? 1 + (0.5 * Uniform(ref random)) : 1;
        return value * (1 + (0.01 * gauss)) * neighbour;
    }

    private static LoadResult Load(Cell cell, ref SplitMix64 random)
    {
        bool one = cell["depth"] == "1";
        double us = Noisy(one ? 50 : 100, ref random);
        long ops = (long)((one ? 1e6 : 64e6) / us);
        double calls = one ? 3 : Noisy(0.05, ref random);
        return ResultsSamples.Ok(cell, 1, ops).Load! with
        {
            Ops = ops,
            LatencyUs = new LatencySummary
            {
                Min = us / 2,
                P50 = us,
                P90 = us * 1.1,
                P99 = Noisy(us * 2, ref random),
                P999 = us * 5,
                Max = us * 100,
                Mean = us,
                Count = ops,
            },
            Client = Costs(calls, ops, ref random),
            Server = Costs(calls, ops, ref random),
        };
    }

    // One call too many at an edge, as it happens.
    private static SideCosts Costs(double calls, long ops, ref SplitMix64 random) => new()
    {
        CpuUsPerOp = Noisy(2, ref random),
        SyscallsPerOp = calls + (random.Below(3) / (double)ops),
        ContextSwitchesPerOp = Noisy(0.01, ref random),
        AllocatedBytesPerOp = 0,
        BytesReceivedPerOp = 28,
        BytesSentPerOp = 4112,
        GcCount = 0,
    };

    private static double Uniform(ref SplitMix64 random) => ((random.Next() >> 11) + 0.5) / (1UL << 53);
}
