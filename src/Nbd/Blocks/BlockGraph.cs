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

    // What the gate hands requests to: the chain itself where it is parallel, and elsewhere what lets them in one by one.
    private readonly IBlock _entry;
    private readonly InFlightCount?[] _inFlight = new InFlightCount?[BlockLoop.MaxLoops];
    private readonly Lock _openLock = new();
    private readonly bool _flushForFua;
    private bool _open;

    /// <summary>A graph that begins with <paramref name="top"/> and owns it.</summary>
    /// <param name="top">The block nearest to the client.</param>
    /// <param name="readOnly">Refuse every change, whatever the block can do.</param>
    /// <param name="threadModel">A thread model no looser than the chain's; null for the chain's own.</param>
    /// <exception cref="BlockException">A block of the chain forbids the thread model.</exception>
    public BlockGraph(IBlock top, bool readOnly = false, ThreadModel? threadModel = null)
    {
        _top = top;
        ThreadModel = Tighten(ThreadModels.StrictestOf(top), threadModel);
        _entry = ThreadModel == ThreadModel.Parallel ? top : new RequestTurns(top, ThreadModel);
        Entrance = new Entrance(oneAtATime: ThreadModel == ThreadModel.SerializeConnections);
        Capabilities = readOnly ? top.Capabilities | BlockCapabilities.ReadOnly : top.Capabilities;
        if (ThreadModel == ThreadModel.SerializeConnections)
        {
            // A client that took the word for it would open a second connection, and wait for ever.
            Capabilities &= ~BlockCapabilities.MultiConn;
        }

        _flushForFua = (Capabilities & (BlockCapabilities.Fua | BlockCapabilities.Flush)) == BlockCapabilities.Flush;
        TransmissionFlags = FlagsOf(Capabilities);
        Rules = new RequestRules(top.Size, TransmissionFlags, top.Constraints);
    }

    /// <summary>Bytes.</summary>
    public ulong Size => _top.Size;

    /// <summary>How much happens in it at one time: what its strictest block asks for, or stricter.</summary>
    public ThreadModel ThreadModel { get; }

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

    /// <summary>
    /// The state of the first bytes of a range, for BLOCK_STATUS: asked again behind the answer's end until the range is covered. Any thread, after
    /// <see cref="Open"/>.
    /// </summary>
    /// <param name="offset">First byte, inside the export.</param>
    /// <param name="length">Bytes, 1 or more, not beyond the export's end.</param>
    public BlockExtent ExtentAt(ulong offset, ulong length) => _top.ExtentAt(offset, length);

    /// <summary>Where clients enter it.</summary>
    internal Entrance Entrance { get; }

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
        RequestVerdict verdict = Rules.Check(new NbdRequest(request.Flags, request.Command, request.Cookie, request.Offset, request.Length));
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
        request.Enter(_entry);
    }

    /// <summary>On the loop's thread: the block has completed the request.</summary>
    internal void OnCompleted(BlockRequest request)
    {
        if (request.Error == 0)
        {
            if (request.FlushAfter)
            {
                request.RestartAsFlush();
                request.Enter(_entry);
                return;
            }

            if (request.Command == NbdCommand.Read && LengthOf(request.Extents) != request.Length)
            {
                // The reply's header would promise what does not follow, and the client would take the next reply for data.
                request.Fail(Errno.EIO);
            }
        }

        request.Owner.OnRequestCompleted(request);
    }

    private static ThreadModel Tighten((ThreadModel Model, IBlock Block) chain, ThreadModel? asked)
    {
        if (asked > chain.Model)
        {
            throw new BlockException($"thread model {asked.Value.Text()} is looser than {chain.Model.Text()}, and '{chain.Block.Name}' allows no more than that")
            {
                IsUsage = true,
            };
        }

        return asked ?? chain.Model;
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
