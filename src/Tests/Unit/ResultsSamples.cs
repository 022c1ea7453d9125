using HdrHistogram;
using Harness.Matrix;
using Harness.Measure;
using Harness.Results;

namespace Harness.Tests.Unit;

/// <summary>Made-up runs: the same figures on every machine.</summary>
internal static class ResultsSamples
{
    public static readonly DateTimeOffset Noon = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    public static EnvironmentFacts Environment { get; } = new()
    {
        KernelRelease = "6.12.0",
        CpuModel = "Example CPU(TM) 9000",
        CpuCount = 2,
        CpusAllowed = "0-1",
        IoUring = new RingFacts { Available = true, SetupFlags = "SINGLE_ISSUER" },
        Dotnet = new DotnetFacts
        {
            Version = ".NET 10.0.1",
            Architecture = "x64",
            GcMode = "workstation, not concurrent",
            TieredCompilation = true,
            TieredPgo = true,
            DebugBuild = false,
            Knobs = new Dictionary<string, string>(),
        },
    };

    public static RunRecord Run { get; } = new()
    {
        Matrix = "sample",
        Machine = MachineName.Of(Environment),
        Commit = "0123456789",
        CommandLine = "harness run bench/sample.yml",
        Seed = 1,
        Rounds = 3,
        DurationSeconds = 1,
        WarmupSeconds = 0.5,
        CellCount = 4,
        Started = Noon,
        Finished = Noon.AddMinutes(2),
        Status = RunStatus.Complete,
        ServerCpu = 0,
        LoadCpu = 1,
        Environment = Environment,
        Warnings = [new Warning("two-cpus", "there are two CPUs", "use four")],
    };

    public static Cell Cell(string backend, string rw) => new(new Dictionary<string, string> { ["backend"] = backend, ["rw"] = rw });

    public static CellRecord Ok(Cell cell, int round, double iops, double? enters = null) => new()
    {
        Cell = cell.Id,
        Round = round,
        Status = CellStatus.Ok,
        Started = Noon,
        Seconds = 2.5,
        Axes = cell.Values,
        Load = new LoadResult
        {
            Ops = (long)iops,
            Errors = 0,
            Seconds = 1,
            Iops = iops,
            BytesPerSecond = iops * 4096,
            Backend = cell.Backend,
            Wait = "block",
            Client = new SideCosts { CpuUsPerOp = 2.5, SyscallsPerOp = 1.04, EntersPerOp = enters, AllocatedBytesPerOp = 0, GcCount = 0 },
            Server = new SideCosts { CpuUsPerOp = 3.125, SyscallsPerOp = 0.031, EntersPerOp = enters, AllocatedBytesPerOp = 0, GcCount = 0 },
        },
    };

    public static CellRecord Not(Cell cell, int round, CellStatus status, string reason) => new()
    {
        Cell = cell.Id,
        Round = round,
        Status = status,
        Reason = reason,
        Started = Noon,
        Seconds = 0,
        Axes = cell.Values,
    };

    /// <summary>The round's logs of an open loop, service times and send lags beside the latencies; returns the path of the latencies.</summary>
    public static string OpenHlog(string folder, string name, long count, int latencyUs, int serviceUs, int lagUs)
    {
        var path = Hlog(folder, name, count, latencyUs);
        Hlog(folder, LatencyKinds.Beside(name, LatencyKind.Service), count, serviceUs);
        Hlog(folder, LatencyKinds.Beside(name, LatencyKind.SendLag), count, lagUs);
        return path;
    }

    /// <summary>A round's latency log: <paramref name="count"/> operations of each of the given microseconds.</summary>
    public static string Hlog(string folder, string name, long count, params int[] latenciesUs)
    {
        var histogram = LatencyHistogram.Create();
        foreach (var us in latenciesUs)
        {
            histogram.RecordValueWithCount(us * 1000L, count);
        }
        histogram.StartTimeStamp = Noon.ToUnixTimeMilliseconds();
        histogram.EndTimeStamp = Noon.AddSeconds(1).ToUnixTimeMilliseconds();
        var path = Path.Combine(folder, name);
        using var stream = File.Create(path);
        HistogramLogWriter.Write(stream, Noon.UtcDateTime, histogram);
        return path;
    }
}
