namespace Harness.Io;

/// <summary>
/// A few threads for calls that block, and a queue before them: what comes while all of them are at work waits in its order. Threads start as they are needed,
/// up to a bound, and stay for what comes next; who submits nothing has none.
/// </summary>
/// <remarks>
/// One thread is called at a time, and calls the next itself where it finds more than it takes. So all of them are soon at work on what blocks; but where calls
/// are short, and threads share a CPU with who submits, those that work are not held up by waking others for what they would have done by then.
/// </remarks>
/// <param name="most">Threads at most.</param>
/// <param name="name">What debuggers show of them, with a number behind it.</param>
/// <param name="work">Does one thing, on one of the threads. It must not throw.</param>
public sealed class WorkerThreads<T>(int most, string name, Action<T> work) : IDisposable
{
    private readonly Queue<T> _queue = new();
    private readonly List<Thread> _threads = [];
    private int _idle;

    // One was started or woken, and has not been here yet.
    private bool _isCalled;
    private bool _stopping;

    /// <summary>Has something done, soon. Any thread.</summary>
    public void Submit(T item)
    {
        lock (_queue)
        {
            _queue.Enqueue(item);
            CallOne();
        }
    }

    /// <summary>Waits for what is being done, and ends the threads. What has not begun is dropped.</summary>
    public void Dispose()
    {
        lock (_queue)
        {
            _stopping = true;
            _queue.Clear();
            Monitor.PulseAll(_queue);
        }

        foreach (Thread thread in _threads)
        {
            thread.Join();
        }
    }

    private void CallOne()
    {
        if (_isCalled)
        {
            return;
        }

        if (_idle > 0)
        {
            _isCalled = true;
            Monitor.Pulse(_queue);
        }
        else if (_threads.Count < most)
        {
            var thread = new Thread(Work) { IsBackground = true, Name = $"{name}-{_threads.Count}" };
            thread.Start();
            _threads.Add(thread);
            _isCalled = true;
        }
    }

    private void Work()
    {
        lock (_queue)
        {
            _isCalled = false;
        }

        while (TryTake(out T item))
        {
            work(item);
        }
    }

    private bool TryTake(out T item)
    {
        lock (_queue)
        {
            while (_queue.Count == 0 && !_stopping)
            {
                _idle++;
                Monitor.Wait(_queue);
                _idle--;
                _isCalled = false;
            }

            if (_stopping)
            {
                item = default!;
                return false;
            }

            item = _queue.Dequeue();
            if (_queue.Count > 0)
            {
                CallOne();
            }

            return true;
        }
    }
}
