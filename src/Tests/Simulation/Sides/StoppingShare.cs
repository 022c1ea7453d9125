using Harness.Nbd;

namespace Harness.Tests;

/// <summary>
/// What the two threads of a client share, with a place before and after each thing that one of them does to it at which the other may go on. As it stands it
/// is the one that is shipped; each seeded bug changes one thing.
/// </summary>
internal class StoppingShare(SidesRun run, int maxSlots) : SharedInFlight(maxSlots)
{
    protected SidesRun World { get; } = run;

    public override void HandOver(int slot, ClientRequest request, ulong cookie)
    {
        World.Stop();
        base.HandOver(slot, request, cookie);
        World.Stop();
    }

    public override void HandOverDisconnect()
    {
        base.HandOverDisconnect();
        World.Stop();
    }

    public override void Publish()
    {
        World.Stop();
        base.Publish();
        World.Stop();
    }

    public override bool TakeIdle()
    {
        World.Stop();
        bool taken = base.TakeIdle();
        World.Stop();
        return taken;
    }

    public override bool MayRest()
    {
        World.Stop();
        bool mayRest = base.MayRest();
        World.Seen.SecondLooks += mayRest ? 0 : 1;
        World.Stop();
        return mayRest;
    }

    public override ClientRequest RequestOf(int slot, out ulong cookie)
    {
        World.Stop();
        return base.RequestOf(slot, out cookie);
    }

    public override bool Sent(int slot)
    {
        World.Stop();
        bool mustTell = base.Sent(slot);
        World.Seen.ToldLater += mustTell ? 1 : 0;
        World.Stop();
        return mustTell;
    }

    public override bool IsSent(int slot)
    {
        World.Stop();
        bool isSent = base.IsSent(slot);
        World.Stop();
        return isSent;
    }

    public override bool TryLeaveToSender(int slot)
    {
        bool isLeft = base.TryLeaveToSender(slot);
        World.Seen.JustSent += isLeft ? 0 : 1;
        World.Stop();
        return isLeft;
    }

    public override bool RaiseNews()
    {
        World.Stop();
        bool mustPost = base.RaiseNews();
        World.Seen.NewsJoined += mustPost ? 0 : 1;
        World.Stop();
        return mustPost;
    }

    public override void LowerNews()
    {
        World.Stop();
        base.LowerNews();
        World.Stop();
    }

    protected override void SayIdle()
    {
        base.SayIdle();
        World.Stop();
    }
}

/// <summary>How often programs came to where the two threads meet in the rarer of two orders: without that they would prove little.</summary>
internal sealed class SidesSeen
{
    /// <summary>Something was published between the sender's look and its rest.</summary>
    public int SecondLooks { get; set; }

    /// <summary>A reply came before its request's last byte had left.</summary>
    public int ToldLater { get; set; }

    /// <summary>A request's last byte left while its reply was being taken.</summary>
    public int JustSent { get; set; }

    /// <summary>There was more to tell before the first was heard.</summary>
    public int NewsJoined { get; set; }
}
