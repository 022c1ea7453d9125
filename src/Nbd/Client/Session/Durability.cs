namespace Harness.Nbd;

/// <summary>
/// What a session knows of the changes that were answered: those that no FLUSH has covered may go with the server that answered them, and then the next FLUSH
/// must not say that all is well. Belongs to one loop's thread.
/// </summary>
internal sealed class Durability
{
    private long _changes;
    private long _covered;
    private bool _lost;

    /// <summary>Changes that were answered so far: what a FLUSH that is sent now covers.</summary>
    public long Changes => _changes;

    /// <summary>Changes that no FLUSH had covered may have been lost, and nobody has been told yet.</summary>
    public bool HasLost => _lost;

    /// <summary>A WRITE, TRIM or WRITE_ZEROES without FUA was answered.</summary>
    public void Changed() => _changes++;

    /// <summary>A FLUSH was answered.</summary>
    /// <param name="changes">As many as had been answered when it was sent.</param>
    public void Flushed(long changes) => _covered = Math.Max(_covered, changes);

    /// <summary>A connection broke.</summary>
    public void ConnectionLost()
    {
        _lost |= _changes > _covered;
        _covered = _changes;
    }

    /// <summary>Whoever asked for a FLUSH is told of the loss, once.</summary>
    public void Told() => _lost = false;
}
