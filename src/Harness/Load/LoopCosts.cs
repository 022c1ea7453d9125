using Harness.Io;

namespace Harness.Load;

/// <summary>What one loop and its thread have used since their start. A value, since it is taken where allocations are counted.</summary>
internal readonly record struct LoopCosts(
    long SystemCalls, long Enters, long Sqes, long Cqes, long BytesReceived, long BytesSent, long AllocatedBytes, OpcodeCounts SqesByOpcode)
{
    /// <summary>On the loop's thread.</summary>
    public static LoopCosts Now(EventLoop loop)
    {
        // First, so that nothing that the reading itself may allocate is counted.
        long allocatedBytes = GC.GetAllocatedBytesForCurrentThread();
        LoopCounters counters = loop.Counters;
        return new LoopCosts(
            counters.SystemCalls, counters.Enters, counters.Sqes, counters.Cqes, counters.BytesReceived, counters.BytesSent, allocatedBytes,
            new OpcodeCounts(counters.SqesByOpcode));
    }

    /// <summary>Those of two loops of one process.</summary>
    public static LoopCosts operator +(in LoopCosts one, in LoopCosts other) => new(
        one.SystemCalls + other.SystemCalls, one.Enters + other.Enters, one.Sqes + other.Sqes, one.Cqes + other.Cqes,
        one.BytesReceived + other.BytesReceived, one.BytesSent + other.BytesSent, one.AllocatedBytes + other.AllocatedBytes,
        one.SqesByOpcode.Plus(other.SqesByOpcode));
}
