using Harness.Io;
using Harness.Measure;
using Harness.Results;

namespace Harness.Load;

/// <summary>What this process's loop does in the measured part. All memory is taken beforehand; on the loop's thread.</summary>
internal sealed class ClientWork
{
    private readonly EventLoop _loop;
    private readonly WorkTotals _start = new();
    private readonly WorkTotals _end = new();
    private readonly int _threadId = ThreadUsage.CurrentThreadId();

    public ClientWork(EventLoop loop)
    {
        _loop = loop;
        // Once now, so that nothing of it is done for the first time around the measured part.
        Begin();
        End();
    }

    /// <summary>The measured part begins. Reading a file allocates, so before allocations are counted.</summary>
    public void Begin()
    {
        _start.RunnableUs = RunDelay.OfThread(Environment.ProcessId, _threadId);
        _start.ProcessCpuUs = ProcessUsage.Now().CpuUs;
        _start.Take(_loop);
    }

    /// <summary>The measured part has ended, and so has the counting of allocations.</summary>
    public void End()
    {
        _end.Take(_loop);
        _end.ProcessCpuUs = ProcessUsage.Now().CpuUs;
        _end.RunnableUs = RunDelay.OfThread(Environment.ProcessId, _threadId);
    }

    public ExplainedSide? Explained(long ops) => Explain.Between(_start, _end, ops);
}
