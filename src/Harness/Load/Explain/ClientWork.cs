using Harness.Io;
using Harness.Measure;
using Harness.Results;

namespace Harness.Load;

/// <summary>What this process's loop or loops do in the measured part. All memory is taken beforehand; on the loop's thread.</summary>
internal sealed class ClientWork
{
    private readonly EventLoop _loop;
    private readonly SenderThread? _sender;
    private readonly WorkTotals _start = new();
    private readonly WorkTotals _end = new();
    private readonly WorkTotals _senders = new();
    private readonly int _threadId = ThreadUsage.CurrentThreadId();

    /// <param name="loop">The one that receives, and without a second thread the only one.</param>
    /// <param name="sender">The thread that sends, where that is another.</param>
    public ClientWork(EventLoop loop, SenderThread? sender = null)
    {
        _loop = loop;
        _sender = sender;
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
        AddSender(_start);
    }

    /// <summary>The measured part has ended, and so has the counting of allocations.</summary>
    public void End()
    {
        _end.Take(_loop);
        _end.ProcessCpuUs = ProcessUsage.Now().CpuUs;
        _end.RunnableUs = RunDelay.OfThread(Environment.ProcessId, _threadId);
        AddSender(_end);
    }

    private void AddSender(WorkTotals totals)
    {
        if (_sender is null)
        {
            return;
        }

        _sender.Take(_senders);
        _senders.RunnableUs = RunDelay.OfThread(Environment.ProcessId, _sender.ThreadId);
        totals.Add(_senders);
    }

    public ExplainedSide? Explained(long ops) => Explain.Between(_start, _end, ops);
}
