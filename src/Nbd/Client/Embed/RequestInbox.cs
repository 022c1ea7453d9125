using Harness.Io;

namespace Harness.Nbd;

/// <summary>
/// Requests that other threads hand to a connection's thread, first in, first out: a stack without a lock that runs through the requests themselves, turned
/// round when it is taken. One post wakes the loop for all that come until it is awake.
/// </summary>
/// <param name="loop">The connection's loop.</param>
/// <param name="take">Takes one request, on the loop's thread.</param>
internal sealed class RequestInbox(EventLoop loop, Action<ClientRequest> take) : LoopWork
{
    private ClientRequest? _newest;

    /// <summary>Hands a request over. Any thread may call it; allocates nothing.</summary>
    /// <exception cref="InvalidOperationException">The request is still in flight, as far as this thread can see.</exception>
    public void Push(ClientRequest request)
    {
        if (request.IsSubmitted)
        {
            throw new InvalidOperationException("the request is still in flight; submit it again only after its completion");
        }

        request.IsSubmitted = true;
        ClientRequest? head = Volatile.Read(ref _newest);
        while (true)
        {
            request.NextQueued = head;
            ClientRequest? seen = Interlocked.CompareExchange(ref _newest, request, head);
            if (seen == head)
            {
                break;
            }

            head = seen;
        }

        // Whoever finds it empty posts; the others come along.
        if (head is null)
        {
            loop.Post(this);
        }
    }

    /// <inheritdoc/>
    protected override void Run()
    {
        ClientRequest? newest = Interlocked.Exchange(ref _newest, null);
        ClientRequest? oldest = null;
        while (newest is not null)
        {
            ClientRequest? next = newest.NextQueued;
            newest.NextQueued = oldest;
            oldest = newest;
            newest = next;
        }

        while (oldest is not null)
        {
            ClientRequest request = oldest;
            oldest = request.NextQueued;
            request.NextQueued = null;
            request.IsSubmitted = false;
            take(request);
        }
    }
}
