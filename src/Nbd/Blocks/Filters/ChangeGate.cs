namespace Harness.Nbd;

/// <summary>
/// Keeps a change that reads a block, alters a part of it and writes it back apart from every other change, or it would bring back what another has just
/// overwritten. Such a change is alone; others run side by side. First come, first served, over all loops.
/// </summary>
internal sealed class ChangeGate
{
    private readonly Lock _lock = new();
    private readonly Queue<(StepJob Job, BlockLoop Home, bool Alone)> _waiting = new();
    private int _inside;
    private bool _alone;

    /// <summary>True where the job may go on now; elsewhere it is posted to its loop when it may.</summary>
    public bool Enter(StepJob job, BlockLoop home, bool alone)
    {
        lock (_lock)
        {
            if (_waiting.Count == 0 && MayEnter(alone))
            {
                _inside++;
                _alone = alone;
                return true;
            }

            _waiting.Enqueue((job, home, alone));
            return false;
        }
    }

    /// <summary>A job that was let in is done.</summary>
    public void Leave()
    {
        lock (_lock)
        {
            _inside--;
            _alone = false;
            while (_waiting.TryPeek(out (StepJob Job, BlockLoop Home, bool Alone) first) && MayEnter(first.Alone))
            {
                _waiting.Dequeue();
                _inside++;
                _alone = first.Alone;
                first.Home.Loop.Post(first.Job);
            }
        }
    }

    private bool MayEnter(bool alone) => !_alone && (!alone || _inside == 0);
}
