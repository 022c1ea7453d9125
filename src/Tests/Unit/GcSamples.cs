using Harness.Matrix;
using Harness.Results;

namespace Harness.Tests.Unit;

/// <summary>Made-up results of a traced pass.</summary>
internal static class GcSamples
{
    /// <summary>The server paused twice, the client never.</summary>
    public static GcRecord Record(Cell cell) => new()
    {
        Cell = cell.Id,
        Status = CellStatus.Ok,
        Started = ResultsSamples.Noon,
        WindowSeconds = 3.002,
        Ops = 1000,
        LatencyUs = new LatencySummary { Min = 1, P50 = 2, P90 = 3, P99 = 4, P999 = 5, Max = 6, Mean = 7, Count = 8 },
        Server = Quiet with
        {
            GcCount = 2,
            PauseCount = 2,
            PauseTotalUs = 12_850,
            PauseMaxUs = 12_000,
            Pauses = [new GcPause(0.5, 12_000, 1, "alloc_small"), new GcPause(1.5, 850, 0, "alloc_small")],
            AllocationTicks = 33,
            AllocationSampledBytes = 3_500_000,
            Allocations = [new GcAllocation("System.Byte[]", 3_400_000, 32), new GcAllocation("System.String", 100_000, 1)],
            ThreadPool = new GcThreadPool(1, 4, 2),
            ExceptionCount = 5,
            Exceptions = [new GcException("System.IO.IOException", 5)],
        },
        Client = Quiet,
    };

    /// <summary>A side in which nothing happened.</summary>
    public static GcSide Quiet { get; } = new()
    {
        GcCount = 0,
        PauseCount = 0,
        PauseTotalUs = 0,
        Pauses = [],
        AllocationTicks = 0,
        AllocationSampledBytes = 0,
        Allocations = [],
        ThreadPool = new GcThreadPool(null, null, 0),
        ExceptionCount = 0,
        Exceptions = [],
        EventsLost = 0,
    };
}
