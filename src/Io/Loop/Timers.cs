namespace Harness.Io;

/// <summary>
/// The running timers of one loop: a binary heap that knows each timer's place, so that starting and stopping one of n costs log n and no allocation once
/// the heap has grown. Timers that are due at the same instant are taken in the order in which they were started.
/// </summary>
internal sealed class Timers
{
    private LoopTimer[] _heap = new LoopTimer[64];
    private long _started;

    public int Count { get; private set; }

    /// <summary>When the next timer is due, or long.MaxValue.</summary>
    public long NextDueNs => Count == 0 ? long.MaxValue : _heap[0].DueNs;

    public void Start(LoopTimer timer, long dueNs)
    {
        Stop(timer);
        if (Count == _heap.Length)
        {
            Array.Resize(ref _heap, Count * 2);
        }

        timer.DueNs = dueNs;
        timer.StartedAs = _started++;
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

    /// <summary>Takes a timer that is due at <paramref name="nowNs"/>, earliest first.</summary>
    public bool TryTakeDue(long nowNs, out LoopTimer timer)
    {
        timer = Count == 0 ? null! : _heap[0];
        if (Count == 0 || timer.DueNs > nowNs)
        {
            return false;
        }

        Stop(timer);
        return true;
    }

    private static bool IsBefore(LoopTimer one, LoopTimer other) =>
        one.DueNs < other.DueNs || (one.DueNs == other.DueNs && one.StartedAs < other.StartedAs);

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
