namespace Harness.Nbd;

/// <summary>
/// Keeps changes and copies of the same bytes apart: those that overlap go one after the other, in the order in which they came, and all others side by side.
/// Over all loops; who waits is posted to its loop when it may go on.
/// </summary>
internal sealed class RangeGate
{
    private readonly Lock _lock = new();
    private readonly List<Entry> _inside = [];
    private readonly List<Entry> _waiting = [];

    /// <summary>True where the job may go on now; elsewhere it is posted to its loop when it may.</summary>
    public bool Enter(StepJob job, BlockLoop home, ulong offset, ulong length)
    {
        var entry = new Entry(job, home, offset, offset + length);
        lock (_lock)
        {
            if (_inside.Exists(entry.Overlaps) || _waiting.Exists(entry.Overlaps))
            {
                _waiting.Add(entry);
                return false;
            }

            _inside.Add(entry);
            return true;
        }
    }

    /// <summary>A job that was let in is done.</summary>
    public void Leave(StepJob job)
    {
        lock (_lock)
        {
            int index = _inside.FindIndex(entry => entry.Job == job);
            Entry left = _inside[index];
            _inside.RemoveAt(index);
            for (int i = 0; i < _waiting.Count; i++)
            {
                Entry next = _waiting[i];
                if (!next.Overlaps(left) || _inside.Exists(next.Overlaps) || _waiting.FindIndex(next.Overlaps) < i)
                {
                    continue;
                }

                _waiting.RemoveAt(i--);
                _inside.Add(next);
                next.Home.Loop.Post(next.Job);
            }
        }
    }

    private readonly record struct Entry(StepJob Job, BlockLoop Home, ulong Start, ulong End)
    {
        public bool Overlaps(Entry other) => Start < other.End && other.Start < End;
    }
}
