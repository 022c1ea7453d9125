namespace Harness.Nbd;

/// <summary>
/// What somebody waits for on one loop: that requests which were there at one moment have come to their end. Made off the hot path, when the waiting begins,
/// or for each request while somebody observes; a request without a ticket pays one branch at its end. All members are for the loop's thread.
/// </summary>
internal sealed class DrainTicket
{
    private DrainTicket(TicketCount count, bool untilRelease, DrainTicket? next)
    {
        Count = count;
        UntilRelease = untilRelease;
        Next = next;
    }

    /// <summary>Whose ticket it is.</summary>
    public TicketCount Count { get; }

    /// <summary>True where the request's answer must have been sent and released, false where it must only be complete.</summary>
    public bool UntilRelease { get; }

    /// <summary>The next ticket of the same request.</summary>
    public DrainTicket? Next { get; }

    /// <summary>When the request got it, on the loop's clock.</summary>
    public long SinceNs { get; private init; }

    /// <summary>A request gets one more ticket.</summary>
    public static void Add(BlockRequest request, TicketCount count, bool untilRelease)
    {
        request.Tickets = new DrainTicket(count, untilRelease, request.Tickets) { SinceNs = request.Home.Loop.NowNs };
        count.Left++;
    }

    /// <summary>The request is complete, or released: those tickets that waited for it have ended.</summary>
    public static void End(BlockRequest request, bool released)
    {
        DrainTicket? ticket = request.Tickets;
        request.Tickets = null;
        for (; ticket is not null; ticket = ticket.Next)
        {
            if (ticket.UntilRelease && !released)
            {
                request.Tickets = new DrainTicket(ticket.Count, untilRelease: true, request.Tickets) { SinceNs = ticket.SinceNs };
            }
            else
            {
                ticket.Count.End(request, ticket);
            }
        }
    }

    /// <summary>The request has come to an edge that is held: whoever waits for it, or for one that it is a part of, is told.</summary>
    public static void TellHeld(BlockRequest request)
    {
        for (BlockRequest? part = request; part is not null; part = part.Parent)
        {
            for (DrainTicket? ticket = part.Tickets; ticket is not null; ticket = ticket.Next)
            {
                ticket.Count.WhenHeld?.Invoke();
            }
        }
    }

    /// <summary>Nobody waits any more.</summary>
    public static void Drop(BlockRequest request, TicketCount count)
    {
        DrainTicket? ticket = request.Tickets;
        request.Tickets = null;
        for (; ticket is not null; ticket = ticket.Next)
        {
            if (ticket.Count != count)
            {
                request.Tickets = new DrainTicket(ticket.Count, ticket.UntilRelease, request.Tickets) { SinceNs = ticket.SinceNs };
            }
        }
    }
}

/// <summary>Tickets that are left on one loop.</summary>
/// <param name="home">The loop.</param>
/// <param name="none">Called on the loop's thread once none is left; never from inside the end of a request.</param>
internal class TicketCount(BlockLoop home, Action none)
{
    public int Left { get; set; }

    /// <summary>Called when a request with a ticket, or a part of one, has come to an edge that is held; null where nobody wants to know.</summary>
    public Action? WhenHeld { get; init; }

    /// <summary>
    /// One has ended. What follows from the last one is posted: whoever completes a request must be through with it first, and the request's owner too.
    /// </summary>
    public virtual void End(BlockRequest request, DrainTicket ticket)
    {
        if (--Left == 0)
        {
            home.Loop.Post(none);
        }
    }
}
