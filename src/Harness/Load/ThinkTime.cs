using Harness.Io;

namespace Harness.Load;

/// <summary>
/// The pause of a closed loop's user between an answer and the next request: a timer per slot. On the loop's thread.
/// </summary>
internal sealed class ThinkTime(EventLoop loop, LoadSession session, long thinkNs)
{
    /// <summary>Slots that think now.</summary>
    public int Thinking { get; private set; }

    /// <summary>Gives the slot its timer, so that the measured part allocates nothing.</summary>
    public void Prepare(LoadSlot slot) => slot.Thought = new LoopTimer(new Thought(this, slot));

    /// <summary>The slot's next request is issued a think time after <paramref name="answeredNs"/>; not at all where the phase is over by then.</summary>
    public void Begin(LoadSlot slot, long answeredNs, long endNs)
    {
        long dueNs = answeredNs + thinkNs;
        if (dueNs >= endNs || !session.MaySend)
        {
            return;
        }

        Thinking++;
        loop.StartTimer(slot.Thought!, dueNs);
    }

    private void End(LoadSlot slot)
    {
        Thinking--;
        session.TryIssue(slot, loop.NowNs);
    }

    private sealed class Thought(ThinkTime thinking, LoadSlot slot) : ITimerHandler
    {
        public void OnTimer(LoopTimer timer) => thinking.End(slot);
    }
}
