using System.Runtime;
using Harness.Io;
using Harness.Results;

namespace Harness.Ladder;

/// <summary>What this process has used since a moment; taken while nothing is in flight.</summary>
internal readonly struct RungCosts
{
    private readonly int _collections = GC.CollectionCount(0);
    private readonly long _compiledMethods = JitInfo.GetCompiledMethodCount();
    private readonly long _allocatedBytes = GC.GetAllocatedBytesForCurrentThread();
    private readonly CpuUsage _usage = ProcessUsage.Now();

    public RungCosts()
    {
    }

    /// <summary>What was used from here to <paramref name="end"/>, per operation.</summary>
    public SideCosts Until(RungCosts end, long ops, long systemCalls)
    {
        double? PerOp(double value) => ops == 0 ? null : value / ops;
        CpuUsage used = end._usage - _usage;
        return new SideCosts
        {
            CpuUsPerOp = PerOp(used.CpuUs),
            SyscallsPerOp = PerOp(systemCalls),
            ContextSwitchesPerOp = PerOp(used.ContextSwitches),
            AllocatedBytesPerOp = PerOp(end._allocatedBytes - _allocatedBytes),
            GcCount = end._collections - _collections,
            JitMethodsInWindow = end._compiledMethods - _compiledMethods,
        };
    }
}
