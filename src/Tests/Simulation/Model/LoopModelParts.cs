using Harness.Io;

namespace Harness.Tests;

/// <summary>A channel as the model knows it.</summary>
internal sealed class ModelChannel(LoopChannelKind kind, int fd)
{
    public int Fd { get; } = fd;

    public int Unread { get; private set; }

    public bool IsPeerOpen { get; private set; } = true;

    public bool IsPeerShut { get; private set; }

    public bool IsFull { get; private set; }

    /// <summary>It is being closed through the loop.</summary>
    public bool IsClosing { get; set; }

    /// <summary>What was ready when the loop looked last within the present batch.</summary>
    public FdFlags SeenReady { get; set; }

    /// <summary>What was ready at any time since one of its events was called last.</summary>
    public FdFlags PastReady { get; set; }

    /// <summary>What poll(2) would say.</summary>
    public FdFlags Ready => kind switch
    {
        LoopChannelKind.Socket => FdFlags.Write | (Unread > 0 || IsPeerShut || !IsPeerOpen ? FdFlags.Read : 0),
        LoopChannelKind.PipeIn => (Unread > 0 ? FdFlags.Read : 0) | (IsPeerOpen ? 0 : FdFlags.ReadWrite),
        _ => (IsFull ? 0 : FdFlags.Write) | (IsPeerOpen ? 0 : FdFlags.ReadWrite),
    };

    public bool CanPeerWrite => kind != LoopChannelKind.PipeOut && IsPeerOpen && !IsPeerShut;

    public bool CanPeerDrain => kind == LoopChannelKind.PipeOut && IsPeerOpen && IsFull;

    public bool CanPeerShut => kind == LoopChannelKind.Socket && IsPeerOpen && !IsPeerShut;

    public bool CanRead => kind != LoopChannelKind.PipeOut && Unread > 0;

    public bool CanFill => kind == LoopChannelKind.PipeOut && IsPeerOpen && !IsFull;

    public void PeerWrote() => Unread++;

    public void WasRead() => Unread--;

    public void WasFilled() => IsFull = true;

    public void WasDrained() => IsFull = false;

    public void PeerShut() => IsPeerShut = true;

    public void PeerClosed() => IsPeerOpen = false;

    public override string ToString() => $"{kind} on descriptor {Fd}: {Unread} unread, peer {(IsPeerOpen ? IsPeerShut ? "shut" : "open" : "closed")}, ready {Ready}";
}

/// <summary>What has become of an event.</summary>
internal enum ModelEventState
{
    Idle,
    Added,

    /// <summary>Its descriptor was closed by somebody who did not tell the loop.</summary>
    Stale,

    /// <summary>It has ended and is to be told so.</summary>
    Ending,
}

/// <summary>An event as the model knows it.</summary>
internal sealed class ModelEvent(int slot, int index)
{
    public int Slot { get; } = slot;

    public string Name { get; } = $"{slot}.{index}";

    public ModelEventState State { get; set; }

    public int Fd { get; set; } = -1;

    public FdFlags Flags { get; set; }

    public IReadOnlyList<LoopStep> Script { get; set; } = [];

    /// <summary>It has been stale: its end may be told as -EBADF.</summary>
    public bool WasStale { get; set; }

    /// <summary>The batch in which it was called last.</summary>
    public int CalledInBatch { get; set; }

    /// <summary>Ready since the present batch began.</summary>
    public bool IsDueInBatch { get; set; }

    /// <summary>Calls of others since it is ready and waits.</summary>
    public int Waits { get; private set; }

    private int _changes;
    private int _allowed;

    public void Waited(int allowedWithoutChanges)
    {
        Waits++;
        _allowed = Math.Max(_allowed, allowedWithoutChanges);
    }

    public bool WaitsTooLong => Waits > _allowed + _changes;

    public void Changed() => _changes++;

    public void WaitsNoMore()
    {
        Waits = 0;
        _changes = 0;
        _allowed = 0;
    }
}
