namespace Harness.Nbd;

/// <summary>What a block can do. What it cannot do is refused at the gate and never reaches it.</summary>
[Flags]
public enum BlockCapabilities
{
    /// <summary>Reads only, which every block does.</summary>
    None = 0,

    /// <summary>Nothing may be changed: WRITE, TRIM and WRITE_ZEROES end with EPERM.</summary>
    ReadOnly = 1 << 0,

    /// <summary>FLUSH makes completed writes durable.</summary>
    Flush = 1 << 1,

    /// <summary>TRIM gives space back.</summary>
    Trim = 1 << 2,

    /// <summary>WRITE_ZEROES.</summary>
    WriteZeroes = 1 << 3,

    /// <summary>WRITE_ZEROES with FAST_ZERO ends at once with ENOTSUP where it would be no faster than writing.</summary>
    FastZero = 1 << 4,

    /// <summary>Honours FUA itself; elsewhere the gate flushes after the write.</summary>
    Fua = 1 << 5,

    /// <summary>A FLUSH on one connection covers writes completed on any other (CAN_MULTI_CONN).</summary>
    MultiConn = 1 << 6,

    /// <summary>CACHE: what will be read soon is brought nearer, or is as near as it can be already.</summary>
    Cache = 1 << 7,
}

/// <summary>What is known of some bytes. The bits are those of the metadata context <c>base:allocation</c>.</summary>
[Flags]
public enum ExtentState
{
    /// <summary>There is data, or nothing better is known.</summary>
    Data = 0,

    /// <summary>No space is taken (NBD_STATE_HOLE).</summary>
    Hole = 1 << 0,

    /// <summary>Reads as zeroes (NBD_STATE_ZERO).</summary>
    Zero = 1 << 1,
}

/// <summary>A run of bytes that are in one state.</summary>
/// <param name="Length">Bytes, 1 or more.</param>
/// <param name="State">Their state.</param>
public readonly record struct BlockExtent(ulong Length, ExtentState State);

/// <summary>
/// A node of the block graph: a store at its end, or a filter before it. Written for one caller, the checked gate (<see cref="BlockGraph"/>), which has checked
/// range, flags, alignment and capability before <see cref="Start"/> is called.
/// </summary>
public interface IBlock : IDisposable
{
    /// <summary>The word by which the command line knows it, for example <c>memory</c>.</summary>
    string Name { get; }

    /// <summary>Bytes, 1 to 2^63 - 1; known before <see cref="Open"/> and fixed after it.</summary>
    ulong Size { get; }

    /// <summary>What it can do; known before <see cref="Open"/>.</summary>
    BlockCapabilities Capabilities { get; }

    /// <summary>Its block sizes.</summary>
    BlockSizeConstraints Constraints { get; }

    /// <summary>
    /// How much it lets happen at one time; known before <see cref="Open"/>. What its chain's gate lets in is never more
    /// (<see cref="ThreadModels.StrictestOf"/>), but a filter that starts several children at one time lets what is behind it see just that.
    /// </summary>
    ThreadModel ThreadModel => ThreadModel.Parallel;

    /// <summary>
    /// The way to what it stands on: a filter's next block, or the chain in which a store keeps its data, as an ext2 file is kept in an image. Null for most
    /// stores. It is there from the beginning; where it leads changes with the graph.
    /// </summary>
    BlockEdge? Behind => null;

    /// <summary>For messages and the graph's picture: its name and what it stands on, for example <c>file:/srv/disk.img</c>.</summary>
    string Describe();

    /// <summary>
    /// Takes what it needs to serve requests. Called once, when the first client asks to enter the export, so that a client that never finishes its handshake
    /// costs nothing. Any thread; must be quick.
    /// </summary>
    /// <exception cref="IOException">It cannot be had; the message is one line for the log.</exception>
    void Open();

    /// <summary>
    /// Begins a request and returns at once. The block completes it exactly once with <see cref="BlockRequest.Complete"/>: now or later, from any thread.
    /// Called on the thread of the request's loop; several loops may call at the same time. Must not block and must not throw. A READ is answered with
    /// <see cref="BlockRequest.AddData"/> and <see cref="BlockRequest.AddHole"/>, a BLOCK_STATUS with <see cref="BlockRequest.AddStatus"/> or, by a block that
    /// knows nothing of what lies where, with nothing.
    /// </summary>
    void Start(BlockRequest request);
}
