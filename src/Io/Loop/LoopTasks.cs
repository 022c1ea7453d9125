namespace Harness.Io;

/// <summary>Runs asynchronous code on a loop's own thread: what follows an <c>await</c> comes as work that is posted to the loop.</summary>
public static class LoopTasks
{
    /// <summary>
    /// Runs the loop on the calling thread until the task that <paramref name="body"/> returns is over, and throws what it threw. Everything in the body up to
    /// its end runs on this thread, so it needs no locks against the loop's handlers; no other thread is needed, and none is made.
    /// </summary>
    /// <param name="loop">A loop of this thread that is not running.</param>
    /// <param name="body">What to run; awaiting something that only a blocked loop could bring would wait for ever.</param>
    /// <exception cref="InvalidOperationException">The loop belongs to another thread.</exception>
    public static void Run(EventLoop loop, Func<Task> body)
    {
        if (!loop.IsLoopThread)
        {
            throw new InvalidOperationException("the loop belongs to another thread");
        }

        SynchronizationContext? before = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(new LoopContext(loop));
        try
        {
            Task task = body();
            task.ContinueWith(
                static (_, state) => ((EventLoop)state!).Post(static () => { }),
                loop,
                CancellationToken.None,
                TaskContinuationOptions.ExecuteSynchronously,
                TaskScheduler.Default);
            while (!task.IsCompleted)
            {
                loop.RunOnce();
            }

            task.GetAwaiter().GetResult();
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(before);
        }
    }

    private sealed class LoopContext(EventLoop loop) : SynchronizationContext
    {
        public override void Post(SendOrPostCallback callback, object? state) => loop.Post(() => callback(state));

        public override void Send(SendOrPostCallback callback, object? state)
        {
            if (loop.IsLoopThread)
            {
                callback(state);
                return;
            }

            using var done = new ManualResetEventSlim();
            loop.Post(() =>
            {
                try
                {
                    callback(state);
                }
                finally
                {
                    done.Set();
                }
            });
            done.Wait();
        }

        public override SynchronizationContext CreateCopy() => this;
    }
}
