using Harness.Io;

namespace Harness.Nbd;

/// <summary>A READ of which some blocks lie in memory and others behind the filter: run by run, in the order of the offsets.</summary>
internal sealed class CowReadJob(CowFilter filter, JobPool<CowReadJob> pool) : StepJob
{
    private ulong _done;

    public void Begin()
    {
        _done = 0;
        Go();
    }

    /// <inheritdoc/>
    protected override bool Step()
    {
        if (_done == Request.Length)
        {
            return false;
        }

        ulong at = Request.Offset + _done;
        ulong run = filter.Changed.RunAt(at, Request.Length - _done, out bool changed);
        if (changed)
        {
            // Straight from memory, as the memory store has it: the mapping outlives every request.
            Request.AddData(filter.Memory.Slice(at, (int)run), lease: null);
            _done += run;
            Go();
        }
        else
        {
            BlockRequest child = Request.MakeChild(this);
            child.Offset = at;
            child.Length = run;
            child.StartOn(filter.NextEdge);
        }

        return true;
    }

    /// <inheritdoc/>
    protected override void OnChild(BlockRequest child)
    {
        Request.TakeExtents(child);
        _done += child.Length;
    }

    /// <inheritdoc/>
    protected override void End() => pool.Return(this);
}

/// <summary>A BLOCK_STATUS: blocks that lie in memory are data, of the runs between them what is behind the filter is asked.</summary>
internal sealed class CowStatusJob(CowFilter filter, JobPool<CowStatusJob> pool) : StepJob
{
    private bool _full;

    /// <inheritdoc/>
    protected override bool Step()
    {
        if (_full || Request.StatusBytes == Request.Length)
        {
            return false;
        }

        ulong at = Request.Offset + Request.StatusBytes;
        ulong run = filter.Changed.RunAt(at, Request.Length - Request.StatusBytes, out bool changed);
        if (changed)
        {
            _full = !Request.AddStatus(run, ExtentState.Data);
            Go();
        }
        else
        {
            BlockRequest child = Request.MakeChild(this);
            child.Offset = at;
            child.Length = run;
            child.StartOn(filter.NextEdge);
        }

        return true;
    }

    /// <inheritdoc/>
    protected override void OnChild(BlockRequest child)
    {
        ulong before = Request.StatusBytes;
        Request.TakeStatus(child, skip: 0);

        // A child says something of its range, so an answer that has not grown by all of it has no room for more.
        _full = Request.StatusBytes - before < child.StatusBytes;
    }

    /// <inheritdoc/>
    protected override void End()
    {
        _full = false;
        pool.Return(this);
    }
}

/// <summary>
/// A WRITE, TRIM or WRITE_ZEROES. The first and the last block, where only a part of them is changed, are fetched into memory unless they lie there; then all
/// is changed there. What is behind the filter never changes, so it does not matter when a block was fetched: whoever is first puts it into memory.
/// </summary>
internal sealed class CowChangeJob(CowFilter filter, JobPool<CowChangeJob> pool) : StepJob
{
    private bool _changed;

    private ulong BlockBytes => filter.Changed.PieceBytes;

    public void Begin()
    {
        _changed = false;
        Go();
    }

    /// <inheritdoc/>
    protected override bool Step()
    {
        if (_changed)
        {
            return false;
        }

        ulong last = Request.Offset + Request.Length - 1;
        if (MustFetch(Request.Offset))
        {
            Fetch(Request.Offset);
        }
        else if (MustFetch(last))
        {
            Fetch(last);
        }
        else
        {
            Change();
            _changed = true;
            Go();
        }

        return true;
    }

    /// <inheritdoc/>
    protected override void OnChild(BlockRequest child)
    {
        lock (filter.Moving)
        {
            if (!filter.Changed.IsSet(child.Offset))
            {
                child.CopyAnswerTo(filter.Memory.Slice(child.Offset, (int)child.Length).Span);
                filter.Changed.Set(child.Offset, child.Length);
            }
        }
    }

    /// <inheritdoc/>
    protected override void End() => pool.Return(this);

    /// <summary>True where the block with this byte is changed in part only and is not in memory.</summary>
    private bool MustFetch(ulong offset)
    {
        ulong start = offset & ~(BlockBytes - 1);
        ulong end = Math.Min(start + BlockBytes, filter.Size);
        return (start < Request.Offset || end > Request.Offset + Request.Length) && !filter.Changed.IsSet(offset);
    }

    private void Fetch(ulong offset)
    {
        BlockRequest child = Request.MakeChild(this);
        child.Command = NbdCommand.Read;
        child.Flags = NbdCommandFlags.None;
        child.Payload = default;
        child.Offset = offset & ~(BlockBytes - 1);
        child.Length = Math.Min(BlockBytes, filter.Size - child.Offset);
        child.StartOn(filter.NextEdge);
    }

    private void Change()
    {
        lock (filter.Moving)
        {
            if (Request.Command == NbdCommand.Write)
            {
                Request.Payload.Span.CopyTo(filter.Memory.Slice(Request.Offset, (int)Request.Length).Span);
                Request.Home.Loop.Tally.BytesCopied += (long)Request.Length;
            }
            else
            {
                Discard();
            }

            filter.Changed.Set(Request.Offset, Request.Length);
        }
    }

    private void Discard()
    {
        try
        {
            filter.Memory.Discard(Request.Offset, Request.Length);
        }
        catch (IoException)
        {
            // The kernel keeps its memory; that the range reads as zeroes is what was asked for.
            filter.Memory.Clear(Request.Offset, Request.Length);
        }
    }
}
