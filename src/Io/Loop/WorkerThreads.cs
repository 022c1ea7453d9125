namespace Harness.Io;

/// <summary>
/// A few threads for calls that block, and a queue before them: what comes while all of them are at work waits in its order. Threads start as they are needed,
/// up to a bound, and stay for what comes next; who submits nothing has none.
/// </summary>
/// <param name="most">Threads at most.</param>
/// <param name="name">What debuggers show of them, with a number behind it.</param>
/// <param name="work">Does one thing, on one of the threads. It must not throw.</param>
public sealed class WorkerThreads<T>(int most, string name, Action<T> work) : IDisposable
{
    private readonly Queue<T> _queue = new();
    private readonly List<Thread> _threads = [];
    private int _idle;
    private bool _stopping;

    /// <summary>Has something done, soon. Any thread.</summary>
    public void Submit(T item)
    {
        lock (_queue)
        {
            _queue.Enqueue(item);
            if (_idle < _queue.Count && _threads.Count < most)
            {
                var thread = new Thread(Work) { IsBackground = true, Name = $"{name}-{_threads.Count}" };
                _threads.Add(thread);
                thread.Start();
            }

            Monitor.Pulse(_queue);
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

    private void Work()
    {
        while (TryTake(out T item))
        {
            work(item);
        }
    }

    private bool TryTake(out T item)
    {
        lock (_queue)
        {
            _idle++;
            while (_queue.Count == 0 && !_stopping)
            {
                Monitor.Wait(_queue);
            }

            _idle--;
            item = _stopping ? default! : _queue.Dequeue();
            return !_stopping;
        }
    }
}
