using System.Runtime.ExceptionServices;
using Harness.Io;
using Harness.Nbd;

namespace Harness.Ext2;

/// <summary>
/// The thread that all library calls about one image are made on, with a loop of its own for their reads and writes. Work is handed to it by the loops that
/// serve clients, which never wait: it goes into a queue, of which every entry is a request that is in flight anyway, so it is as long as the server lets
/// requests in and takes no memory of its own.
/// </summary>
internal sealed class ImageOwner : IDisposable
{
    // Every kernel has it, and a ring may be refused.
    private const string Backend = "poll";

    private readonly Queue<Action> _ready = new();
    private readonly Thread _thread;
    private readonly int _index;
    private BlockLoop? _home;
    private bool _stopping;

    /// <summary>Starts the thread; returns when its loop is there.</summary>
    /// <param name="name">For debuggers: what the image is.</param>
    public ImageOwner(string name)
    {
        _index = OwnerIndexes.Rent();
        using var started = new ManualResetEventSlim();
        _thread = new Thread(() => Run(started)) { IsBackground = true, Name = name };
        _thread.Start();
        started.Wait();
    }

    /// <summary>Its loop. For its own thread; others may post to it.</summary>
    public BlockLoop Home => _home!;

    /// <summary>Queues work from any thread; it runs on the owner's when everything before it has.</summary>
    /// <param name="work">A loop's work that calls <see cref="Enqueue"/> when it runs, or an action that does.</param>
    public void Post(LoopWork work) => Home.Loop.Post(work);

    /// <summary>
    /// Puts work into the queue. On the owner's thread, possibly while a library call waits for the image: that is why nothing is run from here.
    /// </summary>
    public void Enqueue(Action work) => _ready.Enqueue(work);

    /// <summary>Has the owner do something and waits for it. Not for the owner's own thread.</summary>
    public T Call<T>(Func<T> function)
    {
        T result = default!;
        ExceptionDispatchInfo? thrown = null;
        using var done = new ManualResetEventSlim();
        Home.Loop.Post(() => _ready.Enqueue(() =>
        {
            try
            {
                result = function();
            }
            catch (Exception e)
            {
                thrown = ExceptionDispatchInfo.Capture(e);
            }

            done.Set();
        }));
        done.Wait();
        thrown?.Throw();
        return result;
    }

    /// <summary>Ends the thread, after everything in its queue.</summary>
    public void Dispose()
    {
        Call(() => _stopping = true);
        _thread.Join();
        OwnerIndexes.Return(_index);
    }

    private void Run(ManualResetEventSlim started)
    {
        using var loop = new EventLoop(LoopBackends.Create(Backend));
        using var home = new BlockLoop(loop, _index);
        _home = home;
        started.Set();
        while (!_stopping)
        {
            if (_ready.TryDequeue(out Action? work))
            {
                work();
            }
            else
            {
                loop.RunOnce();
            }
        }

        home.EndPosts();
    }
}

/// <summary>Numbers for the owners' loops, from the end of those that a server's own loops have, and none twice at a time.</summary>
internal static class OwnerIndexes
{
    private static readonly Lock s_lock = new();
    private static readonly SortedSet<int> s_used = [];

    public static int Rent()
    {
        lock (s_lock)
        {
            // The very last one is who looks for partitions.
            int index = BlockLoop.MaxLoops - 2;
            while (s_used.Contains(index))
            {
                index--;
            }

            s_used.Add(index);
            return index;
        }
    }

    public static void Return(int index)
    {
        lock (s_lock)
        {
            s_used.Remove(index);
        }
    }
}
