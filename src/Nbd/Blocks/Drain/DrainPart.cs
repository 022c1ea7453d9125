namespace Harness.Nbd;

/// <summary>A drained section on one loop. All members are for the loop's thread.</summary>
internal sealed class DrainPart
{
    // Whoever has lost one request may have lost thousands.
    private const int MaxNamed = 20;

    // Those that it has closed, and no others: an edge or this loop may have come later.
    private readonly List<EdgeGate> _closed = [];
    private readonly TicketCount _tickets;
    private readonly DrainSection _section;
    private BlockEdge[] _edges = [];
    private bool _looks;

    public DrainPart(DrainSection section, BlockLoop home)
    {
        _section = section;
        Home = home;
        _tickets = new TicketCount(home, section.OnPartQuiet) { WhenHeld = section.GivesUpWhereHeld ? LookSoon : null };
    }

    public BlockLoop Home { get; }

    /// <summary>Closes one more gate, with nothing behind it that is to be waited for.</summary>
    public void Close(BlockEdge edge)
    {
        EdgeGate gate = edge.GateOf(Home)!;
        gate.Close();
        _closed.Add(gate);
    }

    /// <summary>Closes the gates, and gives a ticket to whatever is behind them.</summary>
    public void Close(BlockEdge[] edges)
    {
        Array.ForEach(edges, Close);

        foreach (BlockRequest request in Home.All)
        {
            if (request.IsWithBlock && DrainSection.IsInside(request, edges))
            {
                DrainTicket.Add(request, _tickets, untilRelease: false);
            }
        }

        _edges = edges;
        if (_tickets.Left == 0)
        {
            _section.OnPartQuiet();
        }
        else if (_section.GivesUpWhereHeld)
        {
            Look();
        }
    }

    /// <summary>The section has ended: the gates open, and nobody waits for tickets any more.</summary>
    public void Open()
    {
        if (_tickets.Left > 0)
        {
            foreach (BlockRequest request in Home.All)
            {
                DrainTicket.Drop(request, _tickets);
            }
        }

        // What goes on may begin or end other sections, but not this one.
        _closed.ForEach(gate => gate.Open());
        _closed.Clear();
    }

    private void LookSoon()
    {
        // Posted: whoever has made the request wait must be through with it first.
        if (!_looks)
        {
            _looks = true;
            Home.Loop.Post(Look);
        }
    }

    /// <summary>Is one of the requests that are waited for waiting itself, at an edge that somebody else holds?</summary>
    private void Look()
    {
        _looks = false;
        foreach (BlockRequest request in Home.All)
        {
            if (request.HeldAt is { } edge && DrainSection.IsInside(request, _edges) && _section.OnHeldBehind(edge))
            {
                return;
            }
        }
    }

    /// <summary>What is not complete, a line each.</summary>
    public string[] Describe(BlockEdge[] edges)
    {
        string[] lines = [.. Home.Unfinished().Where(request => DrainSection.IsInside(request, edges)).Select(request => $"not completed: {request.Text()}")];
        return lines.Length <= MaxNamed ? lines : [.. lines.Take(MaxNamed), $"and {lines.Length - MaxNamed} more"];
    }
}
