using System.Globalization;
using Harness.Io;
using Harness.Measure;
using Harness.Results;

namespace Harness.Load;

/// <summary>From totals at two moments to what an operation between them took.</summary>
internal static class Explain
{
    /// <summary>Null where there was no operation.</summary>
    public static ExplainedSide? Between(WorkTotals start, WorkTotals end, long ops)
    {
        if (ops == 0)
        {
            return null;
        }

        double PerOp(double used) => used / ops;
        double wallUs = (end.TimeNs - start.TimeNs) / 1000.0;
        double cpuUs = end.UserUs + end.SystemUs - start.UserUs - start.SystemUs;
        double? runnableUs = end.RunnableUs - start.RunnableUs;
        return new ExplainedSide
        {
            WallUsPerOp = PerOp(wallUs),
            UserUsPerOp = PerOp(end.UserUs - start.UserUs),
            KernelUsPerOp = PerOp(end.SystemUs - start.SystemUs),
            RunnableUsPerOp = runnableUs / ops,
            // The three are read one after the other, so a thread that never slept may be left with less than nothing.
            AsleepUsPerOp = PerOp(Math.Max(0, wallUs - cpuUs - (runnableUs ?? 0))),
            OtherThreadsUsPerOp = PerOp(Math.Max(0, end.ProcessCpuUs - start.ProcessCpuUs - cpuUs)),
            SyscallsByNamePerOp = SystemCalls(start, end, ops),
            TurnsPerOp = PerOp(end.Turns - start.Turns),
            WaitsPerOp = PerOp(end.Waits - start.Waits),
            WakeUpsPerOp = PerOp(end.WakeUps - start.WakeUps),
            LooksPerOp = PerOp(end.Looks - start.Looks),
            UserCopiedBytesPerOp = PerOp(end.UserCopiedBytes - start.UserCopiedBytes),
            KernelCopiedBytesPerOp = PerOp(end.KernelCopiedBytes - start.KernelCopiedBytes),
            CompletionsPerTurn = Batches(start.CompletionsPerTurn, end.CompletionsPerTurn),
            MessagesPerReceive = Batches(start.MessagesPerReceive, end.MessagesPerReceive),
            MessagesPerSend = Batches(start.MessagesPerSend, end.MessagesPerSend),
        };
    }

    private static Dictionary<string, double> SystemCalls(WorkTotals start, WorkTotals end, long ops) => Enum.GetValues<SystemCall>()
        .Select(call => (Name: call.ToString(), Made: end.SystemCalls[(int)call] - start.SystemCalls[(int)call]))
        .Where(call => call.Made != 0)
        .ToDictionary(call => call.Name, call => call.Made / (double)ops);

    private static BatchFigures Batches(BatchTotals start, BatchTotals end)
    {
        var counts = new Dictionary<string, long>();
        long batches = 0;
        // A server of another build may have other buckets.
        for (int bucket = 0; bucket < Math.Min(start.Counts.Length, end.Counts.Length); bucket++)
        {
            long count = end.Counts[bucket] - start.Counts[bucket];
            batches += count;
            if (count != 0)
            {
                counts[BatchSizes.LeastOf(bucket).ToString(CultureInfo.InvariantCulture)] = count;
            }
        }

        return new BatchFigures { Mean = batches == 0 ? null : (end.Total - start.Total) / (double)batches, Counts = counts };
    }
}
