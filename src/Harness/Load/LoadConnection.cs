using Harness.Io;
using Harness.Nbd;

namespace Harness.Load;

/// <summary>One connection of the load generator, with the requests that it keeps in flight.</summary>
internal sealed class LoadConnection(int index, LoadSession session, NbdClientOptions options, EventLoop? sendLoop)
    : IConnectHandler, INbdClientHandler, IDisposable
{
    private LoadMemory? _memory;
    private LoadSlot[] _free = [];

    public int Index { get; } = index;

    /// <summary>Null until the socket is connected.</summary>
    public NbdClient? Client { get; private set; }

    /// <summary>True once the handshake is over.</summary>
    public bool IsReady { get; private set; }

    /// <summary>The order of its offsets; set when the export's size is known.</summary>
    public BlockPicker Picker { get; private set; } = null!;

    public LoadSlot[] Slots { get; private set; } = [];

    /// <summary>Open loop: slots that wait for an arrival.</summary>
    public int FreeSlots { get; private set; }

    /// <summary>True once the connection is over, or was never made.</summary>
    public bool IsOver { get; private set; }

    public void OnConnected(ITransport transport)
    {
        // What a connector makes is plain, and what tests put in its place is never on two loops.
        PlainTransport? sender = sendLoop is null ? null : ((PlainTransport)transport).Duplicate(sendLoop);
        Client = new NbdClient(transport, sender, options, this);
        Client.Start();
    }

    /// <summary>No connection could be made.</summary>
    public void OnConnectFailed(int error, string reason)
    {
        IsOver = true;
        session.Lost(reason);
        session.Settled();
    }

    public void OnReady(NbdClient client)
    {
        IsReady = true;
        session.Settled();
    }

    public void OnClosed(NbdClient client, int error, string reason)
    {
        IsOver = true;
        if (error != 0)
        {
            session.Lost(reason);
        }

        if (!IsReady)
        {
            session.Settled();
        }
    }

    /// <summary>It will not be made: another one could not be.</summary>
    public void GiveUp() => IsOver = true;

    /// <summary>Makes the requests and their memory.</summary>
    public void Prepare(BlockPicker picker, int depth, int requestBytes, ulong seed)
    {
        Picker = picker;
        var memory = _memory = new LoadMemory(depth, requestBytes, seed + (ulong)Index);
        Slots = [.. Enumerable.Range(0, depth).Select(_ => new LoadSlot(session, this, memory, requestBytes))];
        _free = new LoadSlot[depth];
    }

    /// <summary>Every slot waits for an arrival.</summary>
    public void FreeAll()
    {
        Slots.CopyTo(_free, 0);
        FreeSlots = _free.Length;
    }

    /// <summary>The slot that was used last, which is likely to be in the cache.</summary>
    public LoadSlot TakeFree() => _free[--FreeSlots];

    public void Free(LoadSlot slot) => _free[FreeSlots++] = slot;

    /// <summary>Only once the connection is over.</summary>
    public void Dispose()
    {
        Client?.Dispose();
        _memory?.Dispose();
    }
}
