namespace Harness.Io;

/// <summary>
/// The running timers of one loop: a binary heap that knows each timer's place, so that starting and stopping one of n costs log n and no allocation once
/// the heap has grown. Timers that are due at the same instant are taken in the order in which they were started.
/// </summary>
/// <remarks>
/// The heap keeps the room that it once needed: 8 to 16 bytes for each of the most timers that ever ran at once. What has been stopped is forgotten at once.
/// </remarks>
internal sealed class Timers
{
    private LoopTimer[] _heap = new LoopTimer[64];

    // The instant of the look at the clock whose timers are being called; none outside of that.
    private long _callingAtNs = long.MinValue;

    /// <summary>How many starts there were: timers with a smaller number were started before.</summary>
    public long Started { get; private set; }

    public int Count { get; private set; }

    /// <summary>When the next timer is due, or long.MaxValue.</summary>
    public long NextDueNs => Count == 0 ? long.MaxValue : _heap[0].OrderNs;

    /// <summary>
    /// Starts a timer, or moves it. One that a timer's handler starts for a time that has passed takes its place behind those that are due by now: however
    /// eagerly it is started again, it comes after all others.
    /// </summary>
    public void Start(LoopTimer timer, long dueNs)
    {
        Stop(timer);
        if (Count == _heap.Length)
        {
            Array.Resize(ref _heap, Count * 2);
        }

        timer.DueNs = dueNs;
        timer.OrderNs = Math.Max(dueNs, _callingAtNs);
        timer.StartedAs = Started++;
        Place(timer, Count++);
        SiftUp(timer.HeapIndex);
    }

    public void Stop(LoopTimer timer)
    {
        int index = timer.HeapIndex;
        if (index < 0)
        {
            return;
        }

        timer.HeapIndex = -1;
        LoopTimer last = _heap[--Count];
        _heap[Count] = null!;
        if (last != timer)
        {
            Place(last, index);
            SiftUp(index);
            SiftDown(last.HeapIndex);
        }
    }

    /// <summary>Takes the earliest timer that is due at <paramref name="nowNs"/> and was started before the start of that number.</summary>
    public bool TryTakeDue(long nowNs, long startedBefore, out LoopTimer timer)
    {
        timer = Count == 0 ? null! : _heap[0];
        if (Count == 0 || timer.OrderNs > nowNs || timer.StartedAs >= startedBefore)
        {
            return false;
        }

        Stop(timer);
        return true;
    }

    /// <summary>Calls the handler of a timer that was taken at that instant.</summary>
    public void Call(LoopTimer timer, long nowNs)
    {
        // The handler may run the loop, and timers of a later instant are called from within.
        long outerNs = _callingAtNs;
        _callingAtNs = nowNs;
        timer.Handler.OnTimer(timer);
        _callingAtNs = outerNs;
    }

    private static bool IsBefore(LoopTimer one, LoopTimer other) =>
        one.OrderNs < other.OrderNs || (one.OrderNs == other.OrderNs && one.StartedAs < other.StartedAs);

    private void Place(LoopTimer timer, int index)
    {
        _heap[index] = timer;
        timer.HeapIndex = index;
    }

    private void SiftUp(int index)
    {
        LoopTimer timer = _heap[index];
        while (index > 0)
        {
            int parent = (index - 1) / 2;
            if (!IsBefore(timer, _heap[parent]))
            {
                break;
            }

            Place(_heap[parent], index);
            index = parent;
        }

        Place(timer, index);
    }

    private void SiftDown(int index)
    {
        LoopTimer timer = _heap[index];
        while (true)
        {
            int child = (2 * index) + 1;
            if (child >= Count)
            {
                break;
            }

            if (child + 1 < Count && IsBefore(_heap[child + 1], _heap[child]))
            {
                child++;
            }

            if (!IsBefore(_heap[child], timer))
            {
                break;
            }

            Place(_heap[child], index);
            index = child;
        }

        Place(timer, index);
    }
}
