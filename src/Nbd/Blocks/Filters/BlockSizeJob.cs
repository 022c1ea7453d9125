using Harness.Io;

namespace Harness.Nbd;

/// <summary>One request that a <see cref="BlockSizeFilter"/> makes several of, one after the other from its first byte to its last.</summary>
internal sealed class BlockSizeJob(BlockSizeFilter filter, BlockLoop home, JobPool<BlockSizeJob> pool) : StepJob
{
    private ulong _at;
    private ulong _end;
    private bool _entered;

    // The block at one end of the range, between its reading and its writing.
    private PooledBuffer? _edge;
    private bool _edgeRead;

    private ulong Minimum => filter.Minimum;

    private ulong BlockStart => _at & ~(Minimum - 1);

    public void Begin()
    {
        (_at, _end) = (Request.Offset, Request.Offset + Request.Length);
        switch (Request.Command)
        {
            case NbdCommand.Read:
                Go();
                break;
            case NbdCommand.Trim:
                // A hint: what is not whole blocks is left as it is.
                _at = Math.Min((_at + Minimum - 1) & ~(Minimum - 1), _end);
                _end = Math.Max(_at, _end & ~(Minimum - 1));
                Go();
                break;
            case NbdCommand.Write or NbdCommand.WriteZeroes:
                _entered = true;
                if (filter.Changes.Enter(this, home, alone: ((_at | _end) & (Minimum - 1)) != 0))
                {
                    Go();
                }

                break;
            default:
                // A hint of another kind, which may be left alone.
                _at = _end;
                Go();
                break;
        }
    }

    /// <inheritdoc/>
    protected override bool Step()
    {
        if (_at == _end)
        {
            return false;
        }

        BlockRequest child = Request.MakeChild(this);
        if (Request.Command == NbdCommand.Read)
        {
            child.Offset = BlockStart;
            child.Length = Math.Min(((_end + Minimum - 1) & ~(Minimum - 1)) - BlockStart, filter.Maximum);
        }
        else if (_at == BlockStart && _end - _at >= Minimum)
        {
            AskForWholeBlocks(child);
        }
        else
        {
            AskForEdge(child);
        }

        child.StartOn(filter.NextEdge);
        return true;
    }

    /// <inheritdoc/>
    protected override void OnChild(BlockRequest child)
    {
        if (Request.Command == NbdCommand.Read)
        {
            ulong skip = _at - child.Offset;
            ulong take = Math.Min(child.Length - skip, _end - _at);
            Request.TakeExtents(child, skip, take);
            _at += take;
        }
        else if (child.Command == NbdCommand.Read)
        {
            Alter(child);
        }
        else
        {
            _at = Math.Min(child.Offset + child.Length, _end);
            _edgeRead = false;
        }
    }

    /// <inheritdoc/>
    protected override void End()
    {
        _edge?.Release();
        _edge = null;
        _edgeRead = false;
        if (_entered)
        {
            _entered = false;
            filter.Changes.Leave();
        }

        pool.Return(this);
    }

    private void AskForWholeBlocks(BlockRequest child)
    {
        child.Offset = _at;
        child.Length = (_end - _at) & ~(Minimum - 1);
        if (child.Command == NbdCommand.Write)
        {
            child.Length = Math.Min(child.Length, filter.Maximum);
            child.Payload = Request.Payload.Slice((int)(_at - Request.Offset), (int)child.Length);
        }
    }

    /// <summary>The range begins or ends within this block: first it is read, then it is written.</summary>
    private void AskForEdge(BlockRequest child)
    {
        child.Command = _edgeRead ? NbdCommand.Write : NbdCommand.Read;
        child.Flags = _edgeRead ? Request.Flags & NbdCommandFlags.Fua : NbdCommandFlags.None;
        child.Offset = BlockStart;
        child.Length = Minimum;
        child.Payload = _edgeRead ? _edge!.Slice : default;
    }

    private void Alter(BlockRequest read)
    {
        _edge ??= home.Buffers.Rent((int)Minimum);
        _edgeRead = true;
        Span<byte> block = _edge.Slice.Span;
        read.CopyAnswerTo(block);
        int start = (int)(_at - read.Offset);
        Span<byte> altered = block[start..(int)Math.Min(Minimum, _end - read.Offset)];
        if (Request.Command == NbdCommand.Write)
        {
            Request.Payload.Slice((int)(_at - Request.Offset), altered.Length).Span.CopyTo(altered);
        }
        else
        {
            altered.Clear();
        }

        home.Loop.Tally.BytesCopied += (long)Minimum;
    }
}
