using System.Runtime;
using Harness.Io;
using Harness.Matrix;
using Harness.Results;

namespace Harness.Load;

/// <summary>What this process and its loop or loops have used since a moment; taken while nothing is in flight.</summary>
internal readonly struct ClientCosts
{
    private readonly EventLoop _loop;
    private readonly CpuUsage _usage;
    private readonly LoopCosts _loops;
    private readonly int _collections;
    private readonly long _compiledMethods;

    private ClientCosts(EventLoop loop, SenderThread? sender)
    {
        _loop = loop;
        _collections = GC.CollectionCount(0);
        _compiledMethods = JitInfo.GetCompiledMethodCount();
        _loops = LoopCosts.Now(loop);
        _usage = ProcessUsage.Now();
        if (sender is not null)
        {
            _loops += sender.Costs();
        }
    }

    /// <summary>The beginning, or the end, of what is counted. On the loop's thread.</summary>
    /// <param name="loop">The one that receives, and without a second thread the only one.</param>
    /// <param name="sender">The thread that sends, where that is another.</param>
    public static ClientCosts Now(EventLoop loop, SenderThread? sender = null) => new(loop, sender);

    /// <summary>What was used from <paramref name="start"/> to here, per operation.</summary>
    public SideCosts Since(ClientCosts start, long ops, string backend)
    {
        bool hasRing = Vocabulary.NeedsRing(backend);
        double? PerOp(double value) => ops == 0 ? null : value / ops;
        CpuUsage used = _usage - start._usage;
        return new SideCosts
        {
            CpuUsPerOp = PerOp(used.CpuUs),
            SyscallsPerOp = PerOp(_loops.SystemCalls - start._loops.SystemCalls),
            EntersPerOp = hasRing ? PerOp(_loops.Enters - start._loops.Enters) : null,
            SqesPerOp = hasRing ? PerOp(_loops.Sqes - start._loops.Sqes) : null,
            CqesPerOp = hasRing ? PerOp(_loops.Cqes - start._loops.Cqes) : null,
            SqesByOpcodePerOp = hasRing && ops > 0 ? _loops.SqesByOpcode.PerOp(start._loops.SqesByOpcode, ops) : null,
            BytesReceivedPerOp = PerOp(_loops.BytesReceived - start._loops.BytesReceived),
            BytesSentPerOp = PerOp(_loops.BytesSent - start._loops.BytesSent),
            ContextSwitchesPerOp = PerOp(used.ContextSwitches),
            AllocatedBytesPerOp = PerOp(_loops.AllocatedBytes - start._loops.AllocatedBytes),
            GcCount = _collections - start._collections,
            JitMethodsInWindow = _compiledMethods - start._compiledMethods,
            RingFlags = hasRing && _loop.BackendDescription.Length > 0 ? _loop.BackendDescription : null,
        };
    }
}
