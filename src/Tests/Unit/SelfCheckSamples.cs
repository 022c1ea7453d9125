using Harness.Compare;
using Harness.Load;
using Harness.Matrix;
using Harness.Results;
using Harness.SelfCheck;
using Harness.Serve;

namespace Harness.Tests.Unit;

/// <summary>A machine whose truth is known: noisy times, exact counts, and regressions that cost what they say. It writes runs without measuring.</summary>
internal sealed class SelfCheckSamples : IRoundMeasurer
{
    private readonly List<(string Side, ulong Seed, string[] Cells)> _measured = [];
    private int _minutes;

    /// <summary>Changes what a side measures: its name, the comparison, the cell's axes, the figures.</summary>
    public Func<string, int, CellRecord, CellRecord> Distort { get; init; } = (_, _, record) => record;

    /// <summary>Whether the servers act on what they are asked to be.</summary>
    public Func<string, bool> Acts { get; init; } = _ => true;

    /// <summary>Called before each round with how many there have been.</summary>
    public Action<int> Before { get; init; } = _ => { };

    public RunRecord Header { get; init; } = ResultsSamples.Run with { Build = "b" };

    /// <summary>Folder, seed and cells of every round.</summary>
    public IReadOnlyList<(string Side, ulong Seed, string[] Cells)> Measured => _measured;

    public RunData Measure(MatrixDefinition matrix, string? seeded, string results, CancellationToken stop)
    {
        Before(_measured.Count);
        stop.ThrowIfCancellationRequested();
        string side = Path.GetFileName(results);
        int comparison = int.Parse(Path.GetFileName(Path.GetDirectoryName(results)!));
        _measured.Add((side, matrix.Seed, [.. matrix.Cells().Select(cell => cell.Id)]));
        var started = ResultsSamples.Noon.AddMinutes(_minutes++);
        var header = Header with { Started = started, Matrix = matrix.Name, Seed = matrix.Seed, SeededRegression = seeded, Rounds = matrix.Rounds };
        header = header with { FingerprintHash = Fingerprint.Of(header).Hash };
        using var folder = ResultsFolder.Create(results, header, matrix.Text);
        var random = new SplitMix64((matrix.Seed * 31) + (ulong)side.Sum(c => c));
        foreach (var cell in matrix.Cells())
        {
            var record = ResultsSamples.Ok(cell, 1, 1000) with { Started = started, Load = Load(cell, Acts(seeded ?? "") ? seeded : null, ref random) };
            folder.Append(Distort(side, comparison, record), null);
        }
        return RunReader.Read(folder.Path);
    }

    private static LoadResult Load(Cell cell, string? seeded, ref SplitMix64 random)
    {
        bool spins = cell["wait"] == "spin";
        bool deep = cell["depth"] != "1";
        double us = CompareSamples.Noisy((spins ? 9 : 50) + (seeded == SeededRegression.BusyWait ? 5 : 0), ref random);
        long ops = (long)((deep ? 16e6 : 250e3) / us);
        double calls = deep ? CompareSamples.Noisy(0.05, ref random) : spins ? CompareSamples.Noisy(5, ref random) : 2;
        return ResultsSamples.Ok(cell, 1, ops).Load! with
        {
            Ops = ops,
            Iops = ops * 4,
            Arrivals = "closed",
            LatencyUs = new LatencySummary
            {
                Min = us / 2,
                P50 = us,
                P90 = us,
                P99 = CompareSamples.Noisy(us * 2, ref random),
                P999 = us * 5,
                Max = us * 100,
                Mean = us,
                Count = ops,
            },
            Server = Costs(calls + (seeded == SeededRegression.SystemCall ? 1 : 0), seeded == SeededRegression.Allocation ? 24 : 0, ops, ref random),
            Client = Costs(calls, 0, ops, ref random),
        };
    }

    // One call too many at an edge, as it happens.
    private static SideCosts Costs(double calls, double allocated, long ops, ref SplitMix64 random) => new()
    {
        CpuUsPerOp = CompareSamples.Noisy(2, ref random),
        SyscallsPerOp = calls + (random.Below(3) / (double)ops),
        ContextSwitchesPerOp = CompareSamples.Noisy(0.01, ref random),
        AllocatedBytesPerOp = allocated,
        BytesReceivedPerOp = 28,
        BytesSentPerOp = 4112,
        GcCount = 0,
    };
}
