namespace Harness.Nbd;

/// <summary>
/// An edge on one loop while a drain holds it: requests that come to it wait in a list, in their order, and go on when the last drain has let go, before any
/// that come after them. Nothing is allocated for a request that waits. All members are for the loop's thread.
/// </summary>
/// <param name="edge">Of what.</param>
/// <param name="home">On which loop.</param>
internal class EdgeGate(BlockEdge edge, BlockLoop home)
{
    private readonly List<IGateWaiter> _waiters = [];
    private BlockRequest? _head;
    private BlockRequest? _tail;
    private int _holds;

    public BlockLoop Home { get; } = home;

    /// <summary>True while a drain holds it, or requests that waited are still on their way in.</summary>
    public bool IsClosed => _holds > 0 || _head is not null;

    /// <summary>Requests that wait now.</summary>
    public int Waiting { get; private set; }

    /// <summary>Who counts what goes through, or null.</summary>
    public EdgeCounts? Counts { get; set; }

    /// <summary>A request comes. Returns false where it need not wait.</summary>
    public virtual bool Hold(BlockRequest request)
    {
        if (!IsClosed)
        {
            Counts?.Enter(request);
            return false;
        }

        request.HeldAt = edge;
        request.Next = null;
        if (_tail is null)
        {
            _head = request;
        }
        else
        {
            _tail.Next = request;
        }

        _tail = request;
        Waiting++;
        DrainTicket.TellHeld(request);
        return true;
    }

    /// <summary>One more drain holds it.</summary>
    public void Close() => _holds++;

    /// <summary>One drain less; after the last, those that waited go on, and whoever waits for that is told.</summary>
    public void Open()
    {
        _holds--;
        while (_holds == 0 && _head is { } request)
        {
            _head = request.Next;
            _tail = _head is null ? null : _tail;
            request.Next = null;
            Waiting--;
            LetIn(request);
        }

        if (!IsClosed)
        {
            IGateWaiter[] waiters = [.. _waiters];
            _waiters.Clear();
            Array.ForEach(waiters, waiter => waiter.OnGateOpen());
        }
    }

    /// <summary>Has someone told, once, when it is open.</summary>
    public void TellWhenOpen(IGateWaiter waiter) => _waiters.Add(waiter);

    /// <summary>A request that waited goes on to what the edge leads to now.</summary>
    protected virtual void LetIn(BlockRequest request)
    {
        request.HeldAt = null;
        Counts?.Enter(request);
        request.ResumeAt(edge);
    }
}

/// <summary>A source of requests that stops while the edge before it is closed.</summary>
internal interface IGateWaiter
{
    /// <summary>The gate is open again. On the loop's thread.</summary>
    void OnGateOpen();
}
