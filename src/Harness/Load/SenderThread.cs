using System.Runtime.ExceptionServices;
using Harness.Io;
using Harness.Measure;

namespace Harness.Load;

/// <summary>
/// The second thread of a client that sends on one and receives on another, with its loop. The thread that makes it asks it for its figures; disposing of it
/// ends the thread, once every connection is over.
/// </summary>
internal sealed class SenderThread : IDisposable
{
    private readonly Thread _thread;
    private readonly AutoResetEvent _answered = new(false);
    private readonly LoopWork _readCosts;
    private readonly LoopWork _readWork;
    private EventLoop? _loop;
    private Exception? _trouble;
    private LoopCosts _costs;
    private WorkTotals? _work;

    /// <exception cref="HarnessException">The backend is not to be had here; the message says why.</exception>
    public SenderThread(string backend, string wait)
    {
        // Made once: figures are read where allocations are counted.
        _readCosts = new LoopAction(() =>
        {
            _costs = LoopCosts.Now(_loop!);
            _answered.Set();
        });
        _readWork = new LoopAction(() =>
        {
            _work!.Take(_loop!);
            _answered.Set();
        });
        _thread = new Thread(() => Run(backend, wait)) { Name = "sender", IsBackground = true };
        _thread.Start();
        _answered.WaitOne();
        if (_trouble is { } trouble)
        {
            ExceptionDispatchInfo.Throw(trouble);
        }
    }

    /// <summary>What the write sides of connections live on.</summary>
    public EventLoop Loop => _loop!;

    /// <summary>The kernel's number of the thread.</summary>
    public int ThreadId { get; private set; }

    /// <summary>What it has used; taken on its thread, which this call waits for.</summary>
    public LoopCosts Costs()
    {
        Loop.Post(_readCosts);
        _answered.WaitOne();
        return _costs;
    }

    /// <summary>Has the totals taken, on its thread, which this call waits for.</summary>
    public void Take(WorkTotals totals)
    {
        _work = totals;
        Loop.Post(_readWork);
        _answered.WaitOne();
    }

    public void Dispose()
    {
        Loop.Stop();
        _thread.Join();
        _answered.Dispose();
    }

    private void Run(string backend, string wait)
    {
        try
        {
            _loop = NbdReach.CreateLoop(backend, wait);
            ThreadId = ThreadUsage.CurrentThreadId();
        }
        catch (HarnessException problem)
        {
            _trouble = problem;
        }

        _answered.Set();
        if (_loop is { } loop)
        {
            loop.Run();
            loop.Dispose();
        }
    }
}
