namespace Harness.Nbd;

/// <summary>First in, first out, linked through the requests themselves: queueing allocates nothing. Belongs to one connection's loop thread.</summary>
internal struct RequestQueue
{
    private ClientRequest? _tail;

    /// <summary>The request that has waited longest, or null.</summary>
    public ClientRequest? Head { get; private set; }

    public readonly bool IsEmpty => Head is null;

    public void Enqueue(ClientRequest request)
    {
        if (_tail is null)
        {
            Head = request;
        }
        else
        {
            _tail.NextQueued = request;
        }

        _tail = request;
    }

    public bool TryDequeue(out ClientRequest request)
    {
        request = Head!;
        if (Head is null)
        {
            return false;
        }

        Head = request.NextQueued;
        request.NextQueued = null;
        if (Head is null)
        {
            _tail = null;
        }

        return true;
    }
}
