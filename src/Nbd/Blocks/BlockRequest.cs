using Harness.Io;

namespace Harness.Nbd;

/// <summary>Whoever puts requests into the graph, such as a connection.</summary>
public interface IBlockRequestOwner
{
    /// <summary>
    /// The request is complete: <see cref="BlockRequest.Error"/> and, for a READ without error, its extents hold the answer. Called exactly once per start,
    /// on the loop's thread, possibly from inside the start. The owner calls <see cref="BlockRequest.Release"/> when nothing needs the answer any more.
    /// </summary>
    void OnRequestCompleted(BlockRequest request);
}

/// <summary>
/// One request on its way through the block graph. Pooled by its loop (<see cref="BlockLoop"/>); nothing is allocated for it in steady state. Its life: rented,
/// filled in, started by the gate, completed by a block, released by its owner. A filter passes it on (<see cref="PassTo"/>), completes it itself, or makes
/// children of it (<see cref="MakeChild"/>) and completes it when they are done.
/// </summary>
public sealed partial class BlockRequest : LoopWork
{
    private const int Idle = 0;
    private const int Rented = 1;
    private const int Started = 2;
    private const int Completing = 3;
    private const int Completed = 4;

    private ReadExtent[] _extents = new ReadExtent[2];
    private int _extentCount;
    private int _state;
    private BlockGraph? _graph;
    private InFlightCount? _inFlight;

    internal BlockRequest(BlockLoop home)
    {
        Home = home;
    }

    /// <summary>The loop that it belongs to.</summary>
    public BlockLoop Home { get; }

    /// <summary>READ, WRITE, FLUSH, TRIM, WRITE_ZEROES, BLOCK_STATUS or, where the block has <see cref="BlockCapabilities.Cache"/>, CACHE.</summary>
    public NbdCommand Command { get; set; }

    /// <summary>The command flags that the block is to honour.</summary>
    public NbdCommandFlags Flags { get; set; }

    /// <summary>First byte of the range.</summary>
    public ulong Offset { get; set; }

    /// <summary>Bytes of the range. A READ or WRITE is bounded by the largest payload; a TRIM or WRITE_ZEROES may cover the whole export.</summary>
    public ulong Length { get; set; }

    /// <summary>
    /// Of a READ: whoever asked would rather be told of a hole than have its zeroes. A block that knows of holes at no cost that matters tells of those that
    /// are large enough for that; one that answers with a hole where nobody wants any is not wrong.
    /// </summary>
    public bool WantsHoles { get; set; }

    /// <summary>The data of a WRITE: valid until the block completes the request.</summary>
    public NativeSlice Payload { get; set; }

    /// <summary>After completion: 0, or the true errno of what went wrong, whatever the wire can say of it.</summary>
    public int Error { get; private set; }

    /// <summary>
    /// For a block whose READ fails, before it completes the request: the first byte of the export at which it failed. <see cref="ulong.MaxValue"/> where
    /// that is not known.
    /// </summary>
    public ulong ErrorOffset { get; set; } = ulong.MaxValue;

    /// <summary>The answer to a READ, in the order of the offsets.</summary>
    public ReadOnlySpan<ReadExtent> Extents => _extents.AsSpan(0, _extentCount);

    /// <summary>Who is told of the completion.</summary>
    internal IBlockRequestOwner Owner { get; set; } = null!;

    /// <summary>For the owner: the client's cookie, which is opaque.</summary>
    internal ulong Cookie { get; set; }

    /// <summary>For the owner: what holds <see cref="Payload"/> in place, released at the completion.</summary>
    internal ILease? PayloadLease { get; set; }

    /// <summary>For the owner: its share of the byte budget.</summary>
    internal long Charge { get; set; }

    /// <summary>For the owner: where in the stream of sent bytes its reply ends.</summary>
    internal long ReplyEnd { get; set; }

    /// <summary>For the owner: the offset that the request came with; <see cref="Offset"/> is no longer it once a flush has followed.</summary>
    internal ulong ReplyOffset { get; set; }

    /// <summary>For the owner: which rule the request breaks, where it was refused.</summary>
    internal RequestFault Fault { get; set; }

    /// <summary>The next in a list of whoever holds the request now: a filter that lets it wait, or its owner once it is complete.</summary>
    internal BlockRequest? Next { get; set; }

    /// <summary>For the filter that lets the request wait: when it is to go on, on the loop's clock.</summary>
    internal long DueNs { get; set; }

    /// <summary>For the owner of a child: when it was started, on the loop's clock.</summary>
    internal long StartedNs { get; set; }

    /// <summary>The request that this one does a part of; null where it came from a client.</summary>
    internal BlockRequest? Parent { get; private set; }

    /// <summary>True where a block has seen it, so that an error is the block's and not the gate's refusal.</summary>
    internal bool WasStarted => _graph is not null;

    /// <summary>True from the start to the completion.</summary>
    internal bool IsStarted => Volatile.Read(ref _state) == Started;

    /// <summary>True from the start until its loop hears of the completion, which may be later where another thread completes it.</summary>
    internal bool IsWithBlock => Volatile.Read(ref _state) is Started or Completing;

    /// <summary>True where it has an answer that lies somewhere, or a part of one.</summary>
    internal bool HoldsExtents => _extentCount > 0;

    /// <summary>Adds data to the answer of a READ, where it lies.</summary>
    /// <param name="data">The bytes. They must stay in place until the lease is released or, without one, until the graph has drained.</param>
    /// <param name="lease">Released once the bytes have been sent, or null.</param>
    public void AddData(NativeSlice data, ILease? lease) => Add(new ReadExtent((ulong)data.Length, data, lease));

    /// <summary>Adds a range that reads as zeroes to the answer of a READ.</summary>
    public void AddHole(ulong length) => Add(new ReadExtent(length, default, null));

    /// <summary>Copies the answer of a READ, holes as zeroes.</summary>
    /// <param name="destination">As many bytes as the request has.</param>
    public void CopyAnswerTo(Span<byte> destination)
    {
        foreach (ref readonly ReadExtent extent in Extents)
        {
            Span<byte> part = destination[..(int)extent.Length];
            destination = destination[(int)extent.Length..];
            if (extent.IsHole)
            {
                part.Clear();
            }
            else
            {
                extent.Data.Span.CopyTo(part);
            }
        }
    }

    /// <summary>
    /// Ends the request, exactly once. Any thread may call it: on the loop's own thread the owner hears of it before this returns, from another the
    /// completion is posted to the loop, which allocates nothing and takes no lock.
    /// </summary>
    /// <param name="error">0, or a positive errno. A READ that fails may have added extents; their leases are still released.</param>
    /// <exception cref="InvalidOperationException">The request is not in flight: the block has completed it twice, or was never given it.</exception>
    public void Complete(int error)
    {
        if (Interlocked.CompareExchange(ref _state, Completing, Started) != Started)
        {
            ThrowNotInFlight(error);
        }

        Error = error;
        if (Home.Loop.IsLoopThread)
        {
            Finish();
        }
        else
        {
            Home.Loop.Post(this);
        }
    }

    /// <summary>
    /// A request of a filter's own, with command, flags, range and payload of this one, for filters that must hear of the end or ask for something else. Change
    /// what is to be different, then <see cref="StartOn"/>. Pooled like every request. On the loop's thread, while this one is in flight.
    /// </summary>
    /// <param name="owner">Told when it is complete; ends it with <see cref="EndWithParent"/> or <see cref="Release"/>.</param>
    public BlockRequest MakeChild(IBlockRequestOwner owner)
    {
        BlockRequest child = Home.RentChild(owner);
        child.Parent = this;
        child.Command = Command;
        child.Flags = Flags;
        child.Offset = Offset;
        child.Length = Length;
        child.WantsHoles = WantsHoles;
        child.Payload = Payload;
        return child;
    }

    /// <summary>A child has all of its parent's answer: the parent is completed as the child was, and the child released. By the child's owner, once.</summary>
    public void EndWithParent()
    {
        BlockRequest parent = Parent!;
        int error = Error;

        // What lies where in the child does in the parent too, unless its owner has moved it.
        parent.ErrorOffset = ErrorOffset;
        parent.TakeExtents(this);
        if (_status is not null)
        {
            MoveStatusTo(parent);
        }

        Release();
        parent.Complete(error);
    }

    /// <summary>Adds the answer of a child to this one's, leases and all.</summary>
    public void TakeExtents(BlockRequest child) => TakeExtents(child, 0, ulong.MaxValue);

    /// <summary>Adds a part of the answer of a child to this one's; leases go along where any of their data does, and are released elsewhere.</summary>
    /// <param name="child">A READ that is complete, without error.</param>
    /// <param name="skip">Bytes of its answer to leave out at the front.</param>
    /// <param name="take">Bytes to take from there, or what there is.</param>
    public void TakeExtents(BlockRequest child, ulong skip, ulong take)
    {
        foreach (ref readonly ReadExtent extent in child.Extents)
        {
            ulong length = Math.Min(take, extent.Length - Math.Min(skip, extent.Length));
            if (length == 0)
            {
                extent.Lease?.Release();
            }
            else if (extent.IsHole)
            {
                AddHole(length);
            }
            else
            {
                AddData(extent.Data.Slice((int)skip, (int)length), extent.Lease);
            }

            skip -= Math.Min(skip, extent.Length);
            take -= length;
        }

        child._extents.AsSpan(0, child._extentCount).Clear();
        child._extentCount = 0;
    }

    /// <summary>Gives the request back to its loop, with its leases and its place in the in-flight count. By its owner, once, after the completion.</summary>
    public void Release()
    {
        if (_state is not (Completed or Rented))
        {
            throw new InvalidOperationException($"{Text()} was released while it was {StateText()}");
        }

        foreach (ref readonly ReadExtent extent in Extents)
        {
            extent.Lease?.Release();
        }

        if (Tickets is not null)
        {
            DrainTicket.End(this, released: true);
        }

        _extents.AsSpan(0, _extentCount).Clear();
        _extentCount = 0;
        ReleaseStatus();
        _inFlight?.Leave();
        _inFlight = null;
        _graph = null;
        WantsHoles = false;
        Payload = default;
        PayloadLease = null;
        Charge = 0;
        Error = 0;
        ErrorOffset = ulong.MaxValue;
        Fault = RequestFault.None;
        _state = Idle;
        if (Parent is null)
        {
            Home.Return(this);
        }
        else
        {
            Parent = null;
            _entry = null;
            Home.ReturnChild(this);
        }
    }

    /// <summary>For messages: command, range and who was asked; within a chain also which of its blocks has it or had it last.</summary>
    public string Text()
    {
        // Each looked at once: a block that completes a request twice is told of it on its own thread, while the loop may be ending the request.
        string on = _graph is { } graph ? $" on {graph.Describe()}" : string.Empty;
        string holder = TakesTurns ? ", waits for its turn" : Holder is { } block ? $", handed to '{BlockNode.NameOf(block)}'" : string.Empty;
        string held = HeldAt is { } edge ? $", waits: '{BlockNode.NameOf(edge.Target)}' is held by a drain" : string.Empty;
        return $"{Command.Text()} of {Length} bytes at {Offset}{on}{holder}{held}";
    }

    /// <summary>Completed from another thread: the rest happens on the loop's.</summary>
    protected override void Run() => Finish();

    internal void MarkRented()
    {
        // Kept until now: a block that completes a request after its end is named by this.
        Holder = null;
        _state = Rented;
    }

    /// <summary>The gate hands it to a block; from now on it counts as in flight.</summary>
    internal void MarkStarted(BlockGraph graph, InFlightCount? inFlight)
    {
        if (_state != Rented)
        {
            throw new InvalidOperationException($"{Text()} was started while it was {StateText()}");
        }

        _graph = graph;
        _inFlight = inFlight;
        inFlight?.Enter();
        Volatile.Write(ref _state, Started);
    }

    /// <summary>The gate sends it through the graph once more, as the flush that stands in for FUA.</summary>
    internal void RestartAsFlush()
    {
        Command = NbdCommand.Flush;
        Flags = 0;
        Offset = 0;
        Length = 0;
        Payload = default;
        Holder = null;
        Volatile.Write(ref _state, Started);
    }

    /// <summary>The gate found that the block answered what cannot be.</summary>
    internal void Fail(int error) => Error = error;

    private void Finish()
    {
        _state = Completed;
        if (Tickets is not null)
        {
            DrainTicket.End(this, released: false);
        }

        _graph!.OnCompleted(this);
    }

    private void Add(ReadExtent extent)
    {
        if (_extentCount == _extents.Length)
        {
            Array.Resize(ref _extents, _extentCount * 2);
        }

        _extents[_extentCount++] = extent;
    }

    private void ThrowNotInFlight(int error) => throw new InvalidOperationException(
        $"{Text()} was completed with {error} while it was {StateText()}: a block completes each request exactly once");

    private string StateText() => Volatile.Read(ref _state) switch
    {
        Idle => "not in use",
        Rented => "not started",
        Started => "in flight",
        Completing => "completed already, and on its way to its loop",
        _ => "completed already",
    };
}
