using System.Runtime.ExceptionServices;
using Harness.Io;

namespace Harness.Serve;

/// <summary>One event loop on a thread of its own.</summary>
internal sealed class LoopThread
{
    private readonly Thread _thread;
    private readonly string _backend;
    private readonly WaitMode _wait;
    private readonly TimeSpan _gather;
    private readonly ManualResetEventSlim _started = new();
    private ExceptionDispatchInfo? _failure;
    private EventLoop? _loop;

    private LoopThread(string backend, WaitMode wait, TimeSpan gather, int index)
    {
        _gather = gather;
        _backend = backend;
        _wait = wait;
        _thread = new Thread(Main) { Name = $"loop {index}", IsBackground = true };
    }

    public EventLoop Loop => _loop!;

    /// <summary>The kernel's number of the thread, for taskset(1), strace(1) and perf(1).</summary>
    public int ThreadId { get; private set; }

    /// <summary>Starts a loop; returns when it runs.</summary>
    /// <exception cref="IOException">The kernel refuses the backend; the message says what to do.</exception>
    public static LoopThread Start(string backend, WaitMode wait, int index, TimeSpan gather = default)
    {
        var thread = new LoopThread(backend, wait, gather, index);
        thread._thread.Start();
        thread._started.Wait();
        thread._failure?.Throw();
        return thread;
    }

    /// <summary>Ends the loop and frees what it holds of the kernel.</summary>
    public void Stop()
    {
        Loop.Stop();
        _thread.Join();
    }

    private void Main()
    {
        try
        {
            // A ring belongs to the thread that makes it, so the loop is made here.
            _loop = new EventLoop(LoopBackends.Create(_backend), _wait) { GatherNs = (long)_gather.TotalNanoseconds };
            TightenSlack();
            ThreadId = ThreadUsage.CurrentThreadId();
        }
        catch (IOException e)
        {
            _failure = ExceptionDispatchInfo.Capture(e);
            return;
        }
        finally
        {
            _started.Set();
        }

        _loop.Run();
        _loop.Dispose();
    }

    private void TightenSlack()
    {
        if (_gather > TimeSpan.Zero)
        {
            // The kernel would otherwise make a pause of 10 µs one of up to 60.
            TimerSlack.OfThisThreadNs = 1;
        }
    }
}
