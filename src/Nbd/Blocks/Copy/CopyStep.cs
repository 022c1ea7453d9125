using Harness.Io;

namespace Harness.Nbd;

/// <summary>
/// A change of a block that is being copied, or a range that the copier asks for: the change itself, then the range is read from the block and written to the
/// other one, piece by piece, then what must be durable is flushed there too. A client hears what became of the change; what fails on the other side ends the
/// copy and is no client's affair.
/// </summary>
internal sealed class CopyStep(CopyFilter filter, JobPool<CopyStep> pool) : StepJob
{
    private const ulong PieceBytes = ZeroArea.Length;

    // A zeroing moves no data, but should not take for ever either.
    private const ulong ZeroBytes = 64 << 20;

    private State _state;
    private bool _copies;
    private bool _inside;
    private ulong _at;
    private ulong _end;

    // What the block has said of the bytes from here on; nothing where it has not been asked.
    private ulong _known;
    private ExtentState _knownState;
    private PooledBuffer? _piece;
    private int _result;

    private enum State
    {
        Change,
        Copy,
        Flush,
        Done,
    }

    public void Begin(bool copies)
    {
        _copies = copies;
        _result = 0;
        _known = 0;
        (_at, _end) = (Request.Offset, Request.Offset + Request.Length);
        _state = copies && Request.Command == NbdCommand.Cache ? State.Copy : State.Change;
        _inside = _at < _end;
        if (!_inside || filter.Ranges.Enter(this, Request.Home, Request.Offset, Request.Length))
        {
            Go();
        }
    }

    /// <inheritdoc/>
    protected override bool Step()
    {
        if (_state == State.Change)
        {
            _state = State.Copy;
            Request.MakeChild(this).StartOn(filter.NextEdge);
            return true;
        }

        if (_state == State.Copy && _copies && _at == _end)
        {
            filter.AddCopied(Request.Length);
        }

        if (_state == State.Copy && (_at == _end || filter.Trouble is not null || (!_copies && Request.Offset >= filter.Cursor)))
        {
            _state = State.Flush;
        }

        if (_state == State.Copy)
        {
            CopyPiece();
            return true;
        }

        if (_state == State.Flush)
        {
            _state = State.Done;
            if (MustFlush())
            {
                StartOnTarget(NbdCommand.Flush, 0, default);
                return true;
            }
        }

        Error = _result;
        return false;
    }

    /// <inheritdoc/>
    protected override void OnChild(BlockRequest child)
    {
        if (_state != State.Copy || child.Command is NbdCommand.Flush)
        {
            return;
        }

        if (child.Command == NbdCommand.BlockStatus)
        {
            Know(child.Status is [var extent, ..] ? extent : new BlockExtent(_end - _at, ExtentState.Data));
        }
        else if (child.Command == NbdCommand.Read)
        {
            _piece = child.Home.Buffers.Rent((int)child.Length);
            child.CopyAnswerTo(_piece.Slice.Span);
        }
        else if (child.IsFor(filter.TargetEdge))
        {
            _at += child.Length;
            _known -= Math.Min(_known, child.Length);
            DropPiece();
        }
    }

    /// <inheritdoc/>
    protected override int OnError(BlockRequest child)
    {
        if (child.IsFor(filter.TargetEdge))
        {
            filter.Fail($"{child.Text()} failed: {ErrnoText.Of(child.Error)}");
            DropPiece();
        }
        else if (child.Command == NbdCommand.BlockStatus)
        {
            // Without its answer everything is data, which is never wrong.
            Know(new BlockExtent(_end - _at, ExtentState.Data));
        }
        else if (child.Command == NbdCommand.Read)
        {
            // Only a copy reads here.
            filter.Fail($"{child.Text()} failed: {ErrnoText.Of(child.Error)}");
        }
        else
        {
            // The change itself: what it has done all the same is copied, and the client is told.
            _result = child.Error;
        }

        return 0;
    }

    /// <inheritdoc/>
    protected override void End()
    {
        DropPiece();
        if (_inside)
        {
            filter.Ranges.Leave(this);
        }

        pool.Return(this);
    }

    private void CopyPiece()
    {
        if (_piece is { } piece)
        {
            StartOnTarget(NbdCommand.Write, (ulong)piece.Slice.Length, piece.Slice);
            return;
        }

        if (_known == 0)
        {
            StartOnBlock(NbdCommand.BlockStatus, NbdCommandFlags.ReqOne, _end - _at);
            return;
        }

        // Both sides are asked for whole blocks, and who knows of holes may know them to the byte.
        ulong blocks = _known - (_known % filter.Constraints.Minimum);
        if (blocks > 0 && (_knownState & ExtentState.Zero) != 0 && (filter.TargetCan & BlockCapabilities.WriteZeroes) != 0)
        {
            StartOnTarget(NbdCommand.WriteZeroes, Math.Min(blocks, ZeroBytes), default);
            return;
        }

        ulong wanted = Math.Max(blocks, Math.Min(filter.Constraints.Minimum, _end - _at));
        StartOnBlock(NbdCommand.Read, NbdCommandFlags.None, Math.Min(Math.Min(wanted, PieceBytes), filter.MaximumPayload));
    }

    private void Know(BlockExtent extent) => (_known, _knownState) = (extent.Length, extent.State);

    private void StartOnBlock(NbdCommand command, NbdCommandFlags flags, ulong length)
    {
        BlockRequest child = Request.MakeChild(this);
        child.Command = command;
        child.Flags = flags;
        child.Offset = _at;
        child.Length = length;
        child.Payload = default;
        child.StartOn(filter.NextEdge);
    }

    private void StartOnTarget(NbdCommand command, ulong length, NativeSlice payload)
    {
        BlockRequest child = Request.MakeChild(this);
        child.Command = command;
        child.Flags = NbdCommandFlags.None;
        child.Offset = length == 0 ? 0 : _at;
        child.Length = length;
        child.Payload = payload;
        child.StartOn(filter.TargetEdge);
    }

    private bool MustFlush() => filter.Trouble is null && (filter.TargetCan & BlockCapabilities.Flush) != 0
        && (Request.Command == NbdCommand.Flush || (Request.Flags & NbdCommandFlags.Fua) != 0);

    private void DropPiece()
    {
        _piece?.Release();
        _piece = null;
    }
}
