using Harness.Io;

namespace Harness.Nbd;

/// <summary>
/// A request that a filter serves in several steps, each of them one child or something done at once. Pooled by its loop (<see cref="JobPool{T}"/>). The steps
/// are taken in a loop and not by calls within calls, so that there may be any number of them where the next block completes within its start.
/// </summary>
internal abstract class StepJob : LoopWork, IBlockRequestOwner
{
    private bool _stepping;
    private bool _again;

    /// <summary>The request that is being served.</summary>
    protected BlockRequest Request { get; private set; } = null!;

    /// <summary>What the request will end with.</summary>
    protected int Error { get; set; }

    /// <summary>Prepares the job for a request; then <see cref="Go"/>.</summary>
    public void Take(BlockRequest request)
    {
        Request = request;
        Error = 0;
    }

    /// <summary>The request will end with this error, and no further step is taken.</summary>
    protected void Fail(int error) => Error = error;

    /// <summary>Takes steps until one has to be waited for.</summary>
    public void Go()
    {
        _again = true;
        if (_stepping)
        {
            return;
        }

        _stepping = true;
        bool more = true;
        while (_again && more)
        {
            _again = false;
            more = Error == 0 && Step();
        }

        _stepping = false;
        if (!more)
        {
            // Given back first: who hears of the completion may ask for the next job at once.
            BlockRequest request = Request;
            int error = Error;
            Request = null!;
            End();
            request.Complete(error);
        }
    }

    /// <inheritdoc/>
    void IBlockRequestOwner.OnRequestCompleted(BlockRequest child)
    {
        if (child.Error == 0)
        {
            OnChild(child);
        }
        else
        {
            Error = OnError(child);
        }

        child.Release();
        Go();
    }

    /// <summary>Posted by another loop that kept this one waiting.</summary>
    protected override void Run() => Go();

    /// <summary>Starts one child, or does something at once and calls <see cref="Go"/>. Returns false where nothing is left to do.</summary>
    protected abstract bool Step();

    /// <summary>A child is complete, without error; it is released afterwards, and the next step follows.</summary>
    protected abstract void OnChild(BlockRequest child);

    /// <summary>A child has failed. Returns what the request ends with at once, or 0 where the next step follows.</summary>
    protected virtual int OnError(BlockRequest child) => child.Error;

    /// <summary>The last step was taken, or one has failed: gives back what it holds, itself to the pool at the last.</summary>
    protected abstract void End();
}

/// <summary>The jobs of one loop in one filter, kept for the next request.</summary>
/// <param name="make">Makes one more.</param>
internal sealed class JobPool<T>(Func<JobPool<T>, T> make)
    where T : StepJob
{
    private readonly Stack<T> _free = new();

    public T Rent() => _free.TryPop(out T? job) ? job : make(this);

    public void Return(T job) => _free.Push(job);
}
