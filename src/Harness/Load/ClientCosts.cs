using System.Runtime;
using Harness.Io;
using Harness.Matrix;
using Harness.Results;

namespace Harness.Load;

/// <summary>What this process and its loop have used since a moment; taken while nothing is in flight.</summary>
internal readonly struct ClientCosts
{
    private readonly EventLoop _loop;
    private readonly CpuUsage _usage;
    private readonly long _systemCalls;
    private readonly long _enters;
    private readonly long _sqes;
    private readonly long _cqes;
    private readonly long _bytesReceived;
    private readonly long _bytesSent;
    private readonly OpcodeCounts _sqesByOpcode;
    private readonly long _allocatedBytes;
    private readonly int _collections;
    private readonly long _compiledMethods;

    private ClientCosts(EventLoop loop)
    {
        _loop = loop;
        _collections = GC.CollectionCount(0);
        _compiledMethods = JitInfo.GetCompiledMethodCount();
        _allocatedBytes = GC.GetAllocatedBytesForCurrentThread();
        _usage = ProcessUsage.Now();
        _systemCalls = loop.Counters.SystemCalls;
        _enters = loop.Counters.Enters;
        _sqes = loop.Counters.Sqes;
        _cqes = loop.Counters.Cqes;
        _bytesReceived = loop.Counters.BytesReceived;
        _bytesSent = loop.Counters.BytesSent;
        _sqesByOpcode = new OpcodeCounts(loop.Counters.SqesByOpcode);
    }

    /// <summary>The beginning, or the end, of what is counted. On the loop's thread.</summary>
    public static ClientCosts Now(EventLoop loop) => new(loop);

    /// <summary>What was used from <paramref name="start"/> to here, per operation.</summary>
    public SideCosts Since(ClientCosts start, long ops, string backend)
    {
        bool hasRing = Vocabulary.NeedsRing(backend);
        double? PerOp(double value) => ops == 0 ? null : value / ops;
        CpuUsage used = _usage - start._usage;
        return new SideCosts
        {
            CpuUsPerOp = PerOp(used.CpuUs),
            SyscallsPerOp = PerOp(_systemCalls - start._systemCalls),
            EntersPerOp = hasRing ? PerOp(_enters - start._enters) : null,
            SqesPerOp = hasRing ? PerOp(_sqes - start._sqes) : null,
            CqesPerOp = hasRing ? PerOp(_cqes - start._cqes) : null,
            SqesByOpcodePerOp = hasRing && ops > 0 ? _sqesByOpcode.PerOp(start._sqesByOpcode, ops) : null,
            BytesReceivedPerOp = PerOp(_bytesReceived - start._bytesReceived),
            BytesSentPerOp = PerOp(_bytesSent - start._bytesSent),
            ContextSwitchesPerOp = PerOp(used.ContextSwitches),
            AllocatedBytesPerOp = PerOp(_allocatedBytes - start._allocatedBytes),
            GcCount = _collections - start._collections,
            JitMethodsInWindow = _compiledMethods - start._compiledMethods,
            RingFlags = hasRing && _loop.BackendDescription.Length > 0 ? _loop.BackendDescription : null,
        };
    }
}
