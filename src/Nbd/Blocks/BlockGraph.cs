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
    // What lets requests in one by one; null where the chain is parallel.
    private RequestTurns? _turns;
    private readonly InFlightCount?[] _inFlight = new InFlightCount?[BlockLoop.MaxLoops];
    private readonly Lock _openLock = new();

    // Those of Rules, and BLOCK_STATUS: whether a client may ask for that is for its connection to say.
    private readonly RequestRules _gateRules;
    private bool _flushForFua;
    private bool _open;
    private IBlock[] _users = [];

    /// <summary>A graph that begins with <paramref name="top"/> and owns it.</summary>
    /// <param name="top">The block nearest to the client.</param>
    /// <param name="readOnly">Refuse every change, whatever the block can do.</param>
    /// <param name="threadModel">A thread model no looser than the chain's; null for the chain's own.</param>
    /// <exception cref="BlockException">A block of the chain forbids the thread model.</exception>
    public BlockGraph(IBlock top, bool readOnly = false, ThreadModel? threadModel = null)
        : this(top, readOnly, joins: true, threadModel)
    {
    }

    /// <summary>As above; one that does not join has a look at blocks without being one of their parents.</summary>
    internal BlockGraph(IBlock top, bool readOnly, bool joins, ThreadModel? threadModel = null)
    {
        ThreadModel = ThreadModels.Tighten(top, threadModel);
        _turns = ThreadModel == ThreadModel.Parallel ? null : new RequestTurns(ThreadModel);
        Entrance = new Entrance(oneAtATime: ThreadModel == ThreadModel.SerializeConnections);
        Edge = new BlockEdge(this, top);
        IsReadOnly = readOnly;
        Capabilities = CapabilitiesOf(top);
        TransmissionFlags = FlagsOf(Capabilities);
        Constraints = top.Constraints;
        Rules = new RequestRules(top.Size, TransmissionFlags, Constraints);
        _gateRules = Rules.For(ReplyForm.Simple, hasMetaContext: true);
        FollowChange();
        if (joins)
        {
            Edge.Join();
        }
    }

    /// <summary>Bytes.</summary>
    public ulong Size => Rules.ExportSize;

    /// <summary>How much happens in it at one time: what its strictest block asks for, or stricter. It stays when the blocks change.</summary>
    public ThreadModel ThreadModel { get; }

    /// <summary>What the chain could do when the graph was made. Clients were promised that, so it stays when the blocks change.</summary>
    public BlockCapabilities Capabilities { get; }

    /// <summary>What of it the handshake says.</summary>
    public TransmissionFlags TransmissionFlags { get; }

    /// <summary>The block sizes, as they were when the graph was made.</summary>
    public BlockSizeConstraints Constraints { get; }

    /// <summary>For messages.</summary>
    public string Describe() => Top.Describe();

    /// <summary>The block nearest to the client; filters lead on to the rest (<see cref="BlockFilter.Next"/>).</summary>
    public IBlock Top => Edge.Target;

    /// <summary>The way to it.</summary>
    public BlockEdge Edge { get; }

    /// <summary>The name under which a server exports it; empty for the default export, or where nothing exports it.</summary>
    public string ExportName { get; internal set; } = string.Empty;

    /// <summary>
    /// True where it is no export but the chain in which stores keep their data, such as the image of ext2 files: what is before it are those stores.
    /// </summary>
    internal bool BacksStores { get; init; }

    /// <summary>Those stores, as many as there are now.</summary>
    internal IReadOnlyList<IBlock> Users => Volatile.Read(ref _users);

    /// <summary>True where it stays in the server's graph without any store before it.</summary>
    internal bool IsKept { get; set; }

    /// <summary>The loop, of its own, from which the stores ask something of it besides what their clients ask; null where there is none.</summary>
    internal BlockLoop? OwnLoop { get; set; }

    /// <summary>For messages.</summary>
    internal string Title => BacksStores ? $"the chain behind {string.Join(", ", Users.Select(BlockNode.NameOf))}" : $"export '{ExportName}'";

    /// <summary>True where every change is refused, whatever the blocks can do.</summary>
    internal bool IsReadOnly { get; }

    /// <summary>Clients that have entered it and not left; of those that take turns with this one too. Any thread may ask.</summary>
    public int Clients => Entrance.Inside;

    /// <summary>Where clients enter it.</summary>
    internal Entrance Entrance { get; private set; }

    /// <summary>Opens the blocks at the first call. Any thread; a call that fails may be repeated.</summary>
    /// <exception cref="IOException">A block cannot be opened; the message is one line.</exception>
    public void Open()
    {
        lock (_openLock)
        {
            if (!_open)
            {
                Edge.Open();
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

    /// <summary>Closes the blocks, but those that others need. Nothing may be in flight on any loop.</summary>
    public void Dispose() => Edge.LetGo();

    /// <summary>As <see cref="Start"/>, for a request that <see cref="Rules"/> have found good.</summary>
    internal void StartChecked(BlockRequest request)
    {
        request.MarkStarted(this, InFlightOn(request.Home));
        Send(request);
    }

    /// <summary>The blocks have changed: what the gate does in their place may have to be another. While no request is on its way through the change.</summary>
    internal void FollowChange() => _flushForFua = (Top.Capabilities & (BlockCapabilities.Fua | BlockCapabilities.Flush)) == BlockCapabilities.Flush;

    /// <summary>True where a request of a client that has changed something is to be followed by a flush, since the blocks know no FUA.</summary>
    internal bool FlushesAfter(BlockRequest request) =>
        _flushForFua && (request.Flags & NbdCommandFlags.Fua) != 0 && Changes(request.Command) && request.Parent is null;

    /// <summary>What clients were promised and one block can do that another, in its place, cannot.</summary>
    internal TransmissionFlags WouldLose(IBlock before, IBlock after) => TransmissionFlags & FlagsOf(before.Capabilities) & ~FlagsOf(after.Capabilities);

    /// <summary>Whether the blocks, as they are now, still do what clients were promised.</summary>
    /// <param name="problem">What they do not, in one line; empty where they do all.</param>
    internal bool KeepsPromises(out string problem)
    {
        TransmissionFlags now = FlagsOf(CapabilitiesOf(Top));
        TransmissionFlags lost = TransmissionFlags & ~now & ~TransmissionFlags.ReadOnly;
        BlockSizeConstraints sizes = Top.Constraints;
        if (Top.Size != Size)
        {
            problem = $"it would have {Top.Size} bytes, and clients of {Title} know it with {Size}";
        }
        else if ((now & ~TransmissionFlags & TransmissionFlags.ReadOnly) != 0)
        {
            problem = $"it would be read-only, and clients of {Title} may write";
        }
        else if (lost != 0)
        {
            problem = $"clients of {Title} were promised {lost}, which it would not have";
        }
        else if (sizes.Minimum > Constraints.Minimum || sizes.MaximumPayload < Constraints.MaximumPayload)
        {
            problem = $"its block sizes ({sizes.Minimum} to {sizes.MaximumPayload}) would be tighter than clients of {Title} were told "
                + $"({Constraints.Minimum} to {Constraints.MaximumPayload})";
        }
        else
        {
            problem = ThreadModels.Complaint(this);
        }

        return problem.Length == 0;
    }

    /// <summary>One store more stands on it. Any thread.</summary>
    internal void AddUser(IBlock store) => ChangeUsers(users => [.. users, store]);

    /// <summary>One store less. Any thread.</summary>
    internal void RemoveUser(IBlock store) => ChangeUsers(users => [.. users.Where(user => user != store)]);

    /// <summary>Requests of this graph and of another go one by one, and clients too: both lead to a block that asks for it. Before either is used.</summary>
    internal void ShareTurnsWith(BlockGraph other) => (_turns, Entrance) = (other._turns, ThreadModel == other.ThreadModel ? other.Entrance : Entrance);

    /// <summary>Whether the requests of both take turns with each other.</summary>
    internal bool SharesTurnsWith(BlockGraph other) => _turns is not null && _turns == other._turns;

    /// <summary>On the loop's thread: the block has completed the request.</summary>
    internal void OnCompleted(BlockRequest request)
    {
        if (request.Error == 0)
        {
            // Asked at the end and not at the start: the block that did it may stand there only since a drain that the request has waited for.
            if (FlushesAfter(request))
            {
                request.RestartAsFlush();
                Send(request);
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

    private void Send(BlockRequest request)
    {
        if (_turns is null)
        {
            request.EnterAt(Edge);
        }
        else
        {
            _turns.Take(request);
        }
    }

    private void ChangeUsers(Func<IBlock[], IBlock[]> change)
    {
        lock (_openLock)
        {
            _users = change(_users);
        }
    }

    private BlockCapabilities CapabilitiesOf(IBlock top)
    {
        BlockCapabilities can = IsReadOnly ? top.Capabilities | BlockCapabilities.ReadOnly : top.Capabilities;

        // Where clients enter one at a time, one that took the word for it would open a second connection, and wait for ever.
        return ThreadModel == ThreadModel.SerializeConnections ? can & ~BlockCapabilities.MultiConn : can;
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
