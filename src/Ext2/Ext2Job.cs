using Harness.Io;
using Harness.Io.Native;
using Harness.Nbd;

namespace Harness.Ext2;

/// <summary>
/// One request on its way through a file in an image. On the loop's thread it goes as far as the map leads, straight to the image; where only the library can
/// help, the job is handed to the image's owner, who serves it and hands it back.
/// </summary>
internal sealed class Ext2Job : StepJob
{
    // Fewer zeroes than this are written where there is data: to take blocks away, and to give new ones later, costs more.
    private const ulong LeastPunchBytes = 64 << 10;

    private readonly Ext2Store _store;
    private readonly JobPool<Ext2Job> _pool;
    private BlockLoop _home = null!;
    private PooledBuffer? _inline;
    private List<BlockExtent>? _extents;
    private ulong _done;
    private bool _inside;
    private bool _toOwner;
    private bool _flushed;
    private bool _told;

    public Ext2Job(Ext2Store store, JobPool<Ext2Job> pool)
    {
        _store = store;
        _pool = pool;
        Serve = ServeByOwner;
    }

    /// <summary>The owner's part, on its thread.</summary>
    public Action Serve { get; }

    private OpenInode Inode => _store.Inode;

    private FileBlocks Blocks => _store.Image.Blocks;

    private ulong Left => Request.Length - _done;

    private bool IsWhole => _done == Request.Length;

    /// <summary>Begins with the request that was taken. On its loop's thread.</summary>
    public void Begin()
    {
        _home = Request.Home;
        _done = 0;
        Go();
    }

    /// <summary>On the loop's thread.</summary>
    protected override bool Step()
    {
        switch (Request.Command)
        {
            case NbdCommand.Flush:
                return StepFlush();
            case NbdCommand.BlockStatus:
                return StepStatus();
            case NbdCommand.Trim or NbdCommand.WriteZeroes when IsPunch:
                return !IsWhole && AskOwner();
            case NbdCommand.Trim:
                // A hint.
                return false;
            case NbdCommand.Read or NbdCommand.Write or NbdCommand.WriteZeroes:
                return !IsWhole && StepData();
            default:
                Fail(Errno.EINVAL);
                return false;
        }
    }

    /// <inheritdoc/>
    protected override void OnChild(BlockRequest child)
    {
        if (child.Command == NbdCommand.Read)
        {
            Request.TakeExtents(child);
        }

        _done += child.Command == NbdCommand.Flush ? 0 : child.Length;
        _flushed |= child.Command == NbdCommand.Flush;
    }

    /// <inheritdoc/>
    protected override void End()
    {
        LeaveGate();
        _inline?.Release();
        _inline = null;
        _flushed = false;
        _told = false;
        _extents?.Clear();
        _pool.Return(this);
    }

    /// <summary>Posted: to the owner, or back.</summary>
    protected override void Run()
    {
        if (_toOwner)
        {
            _store.Image.Owner.Enqueue(Serve);
            return;
        }

        if (_inline is not null && IsWhole)
        {
            Request.AddData(_inline.Slice, _inline);
            _inline = null;
        }

        Go();
    }

    private bool IsPunch => Inode.CanPunch && (Request.Command == NbdCommand.Trim || ((Request.Flags & NbdCommandFlags.NoHole) == 0
        && (Request.Length >= LeastPunchBytes || (Request.Flags & NbdCommandFlags.FastZero) != 0)));

    private bool StepFlush()
    {
        if (_flushed)
        {
            return false;
        }

        if (Blocks.HasChanges)
        {
            return AskOwner();
        }

        if (!_store.Image.CanFlush)
        {
            return false;
        }

        BlockRequest child = Request.MakeChild(this);
        child.Flags = NbdCommandFlags.None;
        child.StartOn(_store.Image.Image);
        return true;
    }

    private bool StepStatus()
    {
        if (Inode.IsInline)
        {
            // Says nothing, and so that there is data.
            return false;
        }

        if (!_told)
        {
            return AskOwner();
        }

        foreach (BlockExtent extent in _extents!)
        {
            if (!Request.AddStatus(extent.Length, extent.State))
            {
                break;
            }
        }

        return false;
    }

    private bool StepData()
    {
        if ((Request.Flags & NbdCommandFlags.FastZero) != 0)
        {
            // It takes writing.
            Fail(Errno.EOPNOTSUPP);
            return false;
        }

        if (Inode.IsInline)
        {
            _inline ??= Request.Command == NbdCommand.Read ? _home.Buffers.Rent((int)Request.Length) : null;
            return AskOwner();
        }

        if (!_inside && !Inode.Gate.TryEnter(_home))
        {
            return AskOwner();
        }

        _inside = true;
        ulong run = Inode.Map.RunAt(Request.Offset + _done, Left, out BlockState state, out ulong imageOffset);
        switch (state)
        {
            case BlockState.Data:
                StartChild(imageOffset, run);
                return true;
            case BlockState.Unknown:
                return AskOwner();
            case BlockState.Hole or BlockState.Unwritten when Request.Command == NbdCommand.Read:
                Request.AddHole(run);
                break;
            default:
                if (Request.Command == NbdCommand.Write || (Request.Flags & NbdCommandFlags.NoHole) != 0)
                {
                    return AskOwner();
                }

                break;
        }

        _done += run;
        Go();
        return true;
    }

    private void StartChild(ulong imageOffset, ulong length)
    {
        BlockRequest child = Request.MakeChild(this);
        child.Flags = NbdCommandFlags.None;
        child.Offset = imageOffset;
        child.Length = length;
        if (Request.Command == NbdCommand.Write)
        {
            child.Payload = Request.Payload.Slice((int)_done, (int)length);
        }
        else if (Request.Command == NbdCommand.WriteZeroes)
        {
            child.Command = NbdCommand.Write;
            child.Length = Math.Min(length, (ulong)ZeroArea.Length);
            child.Payload = ZeroArea.Take((int)child.Length);
        }

        child.StartOn(_store.Image.Image);
    }

    private bool AskOwner()
    {
        // Left before: the owner may wait for everybody to leave, with this job behind it in its queue.
        LeaveGate();
        _toOwner = true;
        _store.Image.Owner.Post(this);
        return true;
    }

    private void LeaveGate()
    {
        if (_inside)
        {
            _inside = false;
            Inode.Gate.Leave(_home);
        }
    }

    private void ServeByOwner()
    {
        if (Request.Command != NbdCommand.Flush && !Inode.MayServe(this))
        {
            return;
        }

        int error;
        try
        {
            switch (ServeNow())
            {
                case < 0:
                    return;
                case var result:
                    error = result;
                    break;
            }
        }
        catch (OutOfMemoryException)
        {
            error = Errno.ENOMEM;
        }
        catch (IOException)
        {
            error = Errno.EIO;
        }

        if (error != 0)
        {
            Fail(error);
        }

        _toOwner = false;
        _home.Loop.Post(this);
    }

    /// <summary>0, an errno, or -1 where the job will be served again.</summary>
    private int ServeNow()
    {
        ulong offset = Request.Offset + _done;
        switch (Request.Command)
        {
            case NbdCommand.Flush:
                _flushed = true;
                return Blocks.Flush();
            case NbdCommand.BlockStatus:
                _told = true;
                _extents ??= [];
                int most = (Request.Flags & NbdCommandFlags.ReqOne) != 0 ? 1 : BlockRequest.MaxStatusExtents;
                return Inode.IsInline ? 0 : Blocks.Describe(Inode, Request.Offset, Request.Length, most, _extents);
            case NbdCommand.Read when !Inode.IsInline:
                return Blocks.Resolve(Inode, offset, Left);
            case NbdCommand.Read:
                return _inline is null ? 0 : Done(Blocks.ReadInline(Inode, Request.Offset, _inline.Slice));
            case NbdCommand.Write when Inode.IsInline:
                return Done(Blocks.WriteInline(Inode, Request.Offset, Request.Length, Request.Payload));
            case NbdCommand.WriteZeroes when Inode.IsInline:
                return Done(Blocks.WriteInline(Inode, Request.Offset, Request.Length, default));
            case NbdCommand.Write:
                return Done(Blocks.Write(Inode, offset, Left, Request.Payload.Slice((int)_done)));
            case NbdCommand.WriteZeroes when !IsPunch:
                return (Request.Flags & NbdCommandFlags.NoHole) != 0 ? Done(Blocks.Write(Inode, offset, Left, default)) : Blocks.Resolve(Inode, offset, Left);
            default:
                return Punch();
        }
    }

    private int Punch()
    {
        if (!Inode.TryBeAlone(this))
        {
            return -1;
        }

        int error = Blocks.Punch(Inode, Request.Offset, Request.Length, zeroEnds: Request.Command == NbdCommand.WriteZeroes);
        Inode.EndAlone();
        return Done(error);
    }

    private int Done(int error)
    {
        _done = error == 0 ? Request.Length : _done;
        return error;
    }
}
