using Harness.Io.Native;

namespace Harness.Nbd;

/// <summary>
/// The way from a connection to a store, with one checked gate in front of every call:
/// <code>
///                ┌──────────┐     ┌──────────┐     ┌──────────┐
///  connection ──▶│   gate   │────▶│  filter  │────▶│  store   │
///      ▲         └──────────┘     └──────────┘     └──────────┘
///      │           │      ▲                             │ Complete: now or later,
///      └───────────┘      └─────────────────────────────┘ from any thread
/// </code>
/// The gate refuses what leaves the range, has flags, an alignment or a command that the export does not take, so blocks check none of it. It adds the
/// flush that stands in for FUA where the block does not honour FUA itself, counts what is in flight, and does not let an answer of the wrong length through.
/// </summary>
public sealed class BlockGraph : IDisposable
{
    private readonly IBlock _top;
    private readonly InFlightCount?[] _inFlight = new InFlightCount?[BlockLoop.MaxLoops];
    private readonly Lock _openLock = new();
    private readonly bool _flushForFua;
    // Those of Rules, and BLOCK_STATUS: whether a client may ask for that is for its connection to say.
    private readonly RequestRules _gateRules;
    private bool _open;

    /// <summary>A graph that begins with <paramref name="top"/> and owns it.</summary>
    /// <param name="top">The block nearest to the client.</param>
    /// <param name="readOnly">Refuse every change, whatever the block can do.</param>
    public BlockGraph(IBlock top, bool readOnly = false)
    {
        _top = top;
        Capabilities = readOnly ? top.Capabilities | BlockCapabilities.ReadOnly : top.Capabilities;
        _flushForFua = (Capabilities & (BlockCapabilities.Fua | BlockCapabilities.Flush)) == BlockCapabilities.Flush;
        TransmissionFlags = FlagsOf(Capabilities);
        Rules = new RequestRules(top.Size, TransmissionFlags, top.Constraints);
        _gateRules = Rules.For(ReplyForm.Simple, hasMetaContext: true);
    }

    /// <summary>Bytes.</summary>
    public ulong Size => _top.Size;

    /// <summary>What the chain can do.</summary>
    public BlockCapabilities Capabilities { get; }

    /// <summary>What of it the handshake says.</summary>
    public TransmissionFlags TransmissionFlags { get; }

    /// <summary>The block sizes.</summary>
    public BlockSizeConstraints Constraints => _top.Constraints;

    /// <summary>For messages.</summary>
    public string Describe() => _top.Describe();

    /// <summary>The block nearest to the client; filters lead on to the rest (<see cref="BlockFilter.Next"/>).</summary>
    public IBlock Top => _top;

    /// <summary>Opens the blocks at the first call. Any thread; a call that fails may be repeated.</summary>
    /// <exception cref="IOException">A block cannot be opened; the message is one line.</exception>
    public void Open()
    {
        lock (_openLock)
        {
            if (!_open)
            {
                _top.Open();
                _open = true;
            }
        }
    }

    /// <summary>What one loop has in flight here. On that loop's thread.</summary>
    public InFlightCount InFlightOn(BlockLoop loop) => _inFlight[loop.Index] ??= new InFlightCount();

    /// <summary>What a request may ask of this graph. The gate's own rules: whoever has judged a request by them need not have it judged again.</summary>
    public RequestRules Rules { get; }

    /// <summary>
    /// Takes a request through the gate. Its owner hears of its completion exactly once, possibly before this returns. On the thread of the request's loop.
    /// </summary>
    public void Start(BlockRequest request)
    {
        RequestVerdict verdict = _gateRules.Check(new NbdRequest(request.Flags, request.Command, request.Cookie, request.Offset, request.Length));
        if (verdict.IsServed)
        {
            StartChecked(request);
        }
        else
        {
            request.Fail((int)verdict.Error);
            request.Owner.OnRequestCompleted(request);
        }
    }

    /// <summary>Closes the blocks. Nothing may be in flight on any loop.</summary>
    public void Dispose() => _top.Dispose();

    /// <summary>As <see cref="Start"/>, for a request that <see cref="Rules"/> have found good.</summary>
    internal void StartChecked(BlockRequest request)
    {
        request.FlushAfter = _flushForFua && (request.Flags & NbdCommandFlags.Fua) != 0 && Changes(request.Command);
        request.MarkStarted(this, InFlightOn(request.Home));
        request.Enter(_top);
    }

    /// <summary>On the loop's thread: the block has completed the request.</summary>
    internal void OnCompleted(BlockRequest request)
    {
        if (request.Error == 0)
        {
            if (request.FlushAfter)
            {
                request.RestartAsFlush();
                request.Enter(_top);
                return;
            }

            if (request.Command == NbdCommand.Read && LengthOf(request.Extents) != request.Length)
            {
                // The reply's header would promise what does not follow, and the client would take the next reply for data.
                request.Fail(Errno.EIO);
            }
            else if (request.Command == NbdCommand.BlockStatus)
            {
                request.CompleteStatus();
            }
        }

        request.Owner.OnRequestCompleted(request);
    }

    private static bool Changes(NbdCommand command) => command is NbdCommand.Write or NbdCommand.Trim or NbdCommand.WriteZeroes;

    private static ulong LengthOf(ReadOnlySpan<ReadExtent> extents)
    {
        ulong length = 0;
        foreach (ref readonly ReadExtent extent in extents)
        {
            length += extent.Length;
        }

        return length;
    }

    private static TransmissionFlags FlagsOf(BlockCapabilities can)
    {
        TransmissionFlags flags = TransmissionFlags.HasFlags;
        flags |= Where(BlockCapabilities.ReadOnly, TransmissionFlags.ReadOnly);
        flags |= Where(BlockCapabilities.Flush, TransmissionFlags.SendFlush | TransmissionFlags.SendFua);
        flags |= Where(BlockCapabilities.Fua, TransmissionFlags.SendFua);
        flags |= Where(BlockCapabilities.Trim, TransmissionFlags.SendTrim);
        flags |= Where(BlockCapabilities.WriteZeroes, TransmissionFlags.SendWriteZeroes);
        flags |= Where(BlockCapabilities.FastZero, TransmissionFlags.SendFastZero);
        flags |= Where(BlockCapabilities.Cache, TransmissionFlags.SendCache);
        return flags | Where(BlockCapabilities.MultiConn, TransmissionFlags.CanMultiConn);

        TransmissionFlags Where(BlockCapabilities capability, TransmissionFlags meaning) => (can & capability) != 0 ? meaning : 0;
    }
}
