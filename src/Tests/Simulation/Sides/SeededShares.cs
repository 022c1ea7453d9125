using Harness.Io;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>Shows a request before it is there to be seen.</summary>
internal sealed class ShowsTooEarly(SidesRun run, int maxSlots) : StoppingShare(run, maxSlots)
{
    public override void HandOver(int slot, ClientRequest request, ulong cookie)
    {
        ToSend.Add(slot);
        Publish();
        Fill(slot, request, cookie);
    }
}

/// <summary>Goes on writing to a place of the table after it was shown, when the request may have left and been answered.</summary>
internal sealed class FillsTooLate(SidesRun run, int maxSlots) : StoppingShare(run, maxSlots)
{
    public override void HandOver(int slot, ClientRequest request, ulong cookie)
    {
        base.HandOver(slot, request, cookie);
        Publish();
        Fill(slot, request, cookie);
    }
}

/// <summary>Takes a reply for the end, although the data of its WRITE is still being sent: memory and place are used again under the sender's hands.</summary>
internal sealed class ReleasesTooEarly(SidesRun run, int maxSlots) : StoppingShare(run, maxSlots)
{
    public override bool IsSent(int slot) => true;
}

/// <summary>Gives a WRITE back when it has been put into a send, as what has no data may be: its data is still where it lies.</summary>
internal sealed class GivesBackTooEarly(SidesRun run, int maxSlots) : StoppingShare(run, maxSlots)
{
    public override ClientRequest RequestOf(int slot, out ulong cookie)
    {
        ClientRequest request = base.RequestOf(slot, out cookie);
        base.Sent(slot);
        return request;
    }

    public override bool Sent(int slot) => false;
}

/// <summary>Looks whether the request has left, and marks it afterwards: between the two it may leave.</summary>
internal sealed class LooksThenMarks(SidesRun run, int maxSlots) : StoppingShare(run, maxSlots)
{
    public override bool TryLeaveToSender(int slot)
    {
        bool isLeft = !base.IsSent(slot);
        base.TryLeaveToSender(slot);
        return isLeft;
    }
}

/// <summary>Has sent the last byte of what was answered before, and does not give it back.</summary>
internal sealed class NeverGivesBack(SidesRun run, int maxSlots) : StoppingShare(run, maxSlots)
{
    public override bool Sent(int slot)
    {
        base.Sent(slot);
        return false;
    }
}

/// <summary>Rests without looking once more.</summary>
internal sealed class RestsTooSoon(SidesRun run, int maxSlots) : StoppingShare(run, maxSlots)
{
    public override bool MayRest()
    {
        World.Stop();
        SayIdle();
        return true;
    }
}

/// <summary>Looks whether the sender must be woken, and publishes afterwards: between the two it may go to rest.</summary>
internal sealed class LooksThenPublishes(SidesRun run, int maxSlots) : StoppingShare(run, maxSlots)
{
    private bool _mustWake;

    public override void Publish()
    {
        _mustWake = base.TakeIdle();
        base.Publish();
    }

    public override bool TakeIdle() => World.SenderRuns ? base.TakeIdle() : _mustWake;
}

/// <summary>Wakes nobody for DISC.</summary>
internal sealed class LeavesInSilence(SidesRun run, int maxSlots) : StoppingShare(run, maxSlots)
{
    private bool _isLeaving;

    public override void HandOverDisconnect()
    {
        _isLeaving = true;
        base.HandOverDisconnect();
    }

    public override bool TakeIdle() => (!_isLeaving || World.SenderRuns) && base.TakeIdle();
}

/// <summary>Takes the word that there is something to hear back only when it has heard it: what came meanwhile is never told.</summary>
internal sealed class HearsOnce(SidesRun run, int maxSlots) : StoppingShare(run, maxSlots), ITurnEndHandler
{
    public override void LowerNews() => World.ReceiveLoop.AtTurnEnd(this);

    public void OnTurnEnd() => base.LowerNews();
}

/// <summary>Tells the first news and no others.</summary>
internal sealed class TellsOnce(SidesRun run, int maxSlots) : StoppingShare(run, maxSlots)
{
    public override void LowerNews()
    {
    }
}
