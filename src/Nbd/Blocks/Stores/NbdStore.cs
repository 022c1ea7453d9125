using Harness.Io;

namespace Harness.Nbd;

/// <summary>
/// An export of another NBD server as a store. Every request is one of our own client's, on a connection that lives on the event loop that the request came in
/// by, so that any number is in flight without a thread for any. What the other server answers in chunks stays as it is: holes are holes, an error keeps its
/// number and its place.
/// </summary>
/// <remarks>
/// A server that promises that a flush on one connection covers the writes of all (CAN_MULTI_CONN) gets connections from every loop. From any other
/// there is one connection for all loops, and requests from other loops are posted to the loop that has it: so here a flush always covers all writes.
/// When a connection ends, the requests that were on it fail with EIO, since nobody knows which of them were done. It is made again when a request
/// comes, and requests wait for that, up to a timeout. Writes that no flush had covered may have gone with the other server: the next FLUSH fails,
/// once, to say so.
/// </remarks>
public sealed class NbdStore : IBlock
{
    private readonly NbdStoreText _text;
    private readonly PerLoop<Upstream> _upstreams;
    private readonly Lock _sharing = new();
    private readonly bool _isShared;
    private Upstream? _shared;

    // Changes that were answered without FUA, and how many of them a flush has covered.
    private long _changes;
    private long _flushed;
    private int _lostChanges;

    private NbdStore(NbdStoreText text, IReadOnlyList<SocketEndpoint> endpoints, ExportInfo export, bool readOnly)
    {
        _text = text;
        Endpoints = endpoints;
        _isShared = (export.Flags & TransmissionFlags.CanMultiConn) == 0;
        Capabilities = CapabilitiesOf(export.Flags, readOnly);
        Constraints = ConstraintsOf(export.BlockSize);
        Size = export.Size;
        _upstreams = new PerLoop<Upstream>(home => new Upstream(this, home));
    }

    /// <summary>For the catalog.</summary>
    public static StoreKind Kind { get; } = new(
        "nbd",
        "nbd:URI",
        "An export of another NBD server, of its own size. Holes and errors pass as they are; the server is connected to again where it went away.",
        [
            new("URI", "where it is, nbd://HOST[:PORT]/NAME or nbd+unix:///NAME?socket=PATH; for example nbd:nbd://localhost:10809/disk"),
            new("connections=N,", "before the URI: connections of each event loop; more than 1 where the server promises multi-conn [default: 1]"),
            new("timeout=TIME,", "before the URI: how long a request waits for a server that is away, like 500ms or 1m [default: 5s]"),
        ],
        Connect);

    /// <inheritdoc/>
    public string Name => "nbd";

    /// <inheritdoc/>
    public ulong Size { get; }

    /// <inheritdoc/>
    public BlockCapabilities Capabilities { get; }

    /// <inheritdoc/>
    public BlockSizeConstraints Constraints { get; }

    /// <summary>Where the other server is.</summary>
    internal IReadOnlyList<SocketEndpoint> Endpoints { get; }

    internal long TimeoutNs => _text.TimeoutNs;

    /// <summary>Connections of each loop that has any.</summary>
    internal int Connections => _text.Connections ?? 1;

    /// <summary>How connections are made.</summary>
    internal NbdClientOptions ClientOptions => UpstreamProbe.OptionsFor(_text.Uri);

    /// <summary>For messages about the server.</summary>
    internal string ServerText => _text.Uri.ToString();

    /// <inheritdoc/>
    public string Describe() => $"nbd:{_text.Text}";

    /// <inheritdoc/>
    public void Open()
    {
        // Connections are made by the loops that need them.
    }

    /// <inheritdoc/>
    public void Start(BlockRequest request)
    {
        if (request.Command == NbdCommand.Flush && Interlocked.Exchange(ref _lostChanges, 0) != 0)
        {
            request.Complete(Io.Native.Errno.EIO);
            return;
        }

        _upstreams.Of(request.Home).Rent().Start(request);
    }

    /// <summary>Frees the addresses. Nothing may be in flight; connections end with their loops.</summary>
    public void Dispose()
    {
        foreach (SocketEndpoint endpoint in Endpoints)
        {
            endpoint.Dispose();
        }
    }

    /// <summary>Whose connections a loop's requests go by.</summary>
    internal Upstream OwnerFor(Upstream mine)
    {
        if (!_isShared)
        {
            return mine;
        }

        if (Volatile.Read(ref _shared) is { } shared)
        {
            return shared;
        }

        lock (_sharing)
        {
            return _shared ??= mine;
        }
    }

    /// <summary>The loop ends.</summary>
    internal void Left(Upstream upstream)
    {
        lock (_sharing)
        {
            _shared = _shared == upstream ? null : _shared;
        }
    }

    /// <summary>What keeps a server that was connected to again from taking the place of the one that went away; null where it is as it was.</summary>
    internal string? Unlike(ExportInfo export)
    {
        BlockSizeConstraints sizes = ConstraintsOf(export.BlockSize);
        bool readOnly = (Capabilities & BlockCapabilities.ReadOnly) != 0;
        BlockCapabilities lost = Capabilities & ~CapabilitiesOf(export.Flags, readOnly);
        if (export.Size != Size)
        {
            return $"the export has {export.Size} bytes now, and had {Size}";
        }

        if (sizes.Minimum > Constraints.Minimum || sizes.MaximumPayload < Constraints.MaximumPayload)
        {
            return $"its block sizes are {sizes.Minimum} to {sizes.MaximumPayload} now, and were {Constraints.Minimum} to {Constraints.MaximumPayload}";
        }

        bool changed = lost != 0 || (!readOnly && (export.Flags & TransmissionFlags.ReadOnly) != 0)
            || (!_isShared && (export.Flags & TransmissionFlags.CanMultiConn) == 0);
        return changed ? $"the export can do less than it could: its flags are 0x{(ushort)export.Flags:x4} now" : null;
    }

    /// <summary>A change was answered, and is not durable yet. Any thread.</summary>
    internal void Changed() => Interlocked.Increment(ref _changes);

    /// <summary>How many changes a flush that begins now covers. Any thread.</summary>
    internal long ChangesNow => Volatile.Read(ref _changes);

    /// <summary>A flush is done. Any thread.</summary>
    /// <param name="changes">As many as had been answered when it began.</param>
    internal void Flushed(long changes)
    {
        long seen;
        while ((seen = Volatile.Read(ref _flushed)) < changes && Interlocked.CompareExchange(ref _flushed, changes, seen) != seen)
        {
        }
    }

    /// <summary>A connection broke. True where changes may have been lost with it, which the next FLUSH will say. Any thread.</summary>
    internal bool LoseChanges()
    {
        long changes = ChangesNow;
        bool lost = changes > Volatile.Read(ref _flushed);
        if (lost)
        {
            Flushed(changes);
            Volatile.Write(ref _lostChanges, 1);
        }

        return lost;
    }

    private static NbdStore Connect(string written, bool readOnly)
    {
        var text = NbdStoreText.Parse(written);
        IReadOnlyList<SocketEndpoint> endpoints = text.Resolve();
        try
        {
            ExportInfo export = UpstreamProbe.Ask(text.Uri, endpoints);
            if (export.Size == 0)
            {
                throw new BlockException($"the export {text.Uri} is empty, and an empty disk cannot be served");
            }

            if (text.Connections > 1 && (export.Flags & TransmissionFlags.CanMultiConn) == 0)
            {
                throw new BlockException($"'nbd': connections={text.Connections}, but {text.Uri} does not promise that a flush covers all connections; leave connections= out")
                {
                    IsUsage = true,
                };
            }

            return new NbdStore(text, endpoints, export, readOnly);
        }
        catch
        {
            foreach (SocketEndpoint endpoint in endpoints)
            {
                endpoint.Dispose();
            }

            throw;
        }
    }

    private static BlockCapabilities CapabilitiesOf(TransmissionFlags flags, bool readOnly)
    {
        // One connection for all keeps the promise of several by itself.
        BlockCapabilities can = BlockCapabilities.MultiConn;
        can |= Where(TransmissionFlags.SendFlush, BlockCapabilities.Flush) | Where(TransmissionFlags.SendCache, BlockCapabilities.Cache);
        if (readOnly || (flags & TransmissionFlags.ReadOnly) != 0)
        {
            return can | BlockCapabilities.ReadOnly;
        }

        can |= Where(TransmissionFlags.SendFua, BlockCapabilities.Fua) | Where(TransmissionFlags.SendTrim, BlockCapabilities.Trim);
        can |= Where(TransmissionFlags.SendWriteZeroes, BlockCapabilities.WriteZeroes);
        return can | (Where(TransmissionFlags.SendFastZero, BlockCapabilities.FastZero) & Where(TransmissionFlags.SendWriteZeroes, BlockCapabilities.FastZero));

        BlockCapabilities Where(TransmissionFlags flag, BlockCapabilities meaning) => (flags & flag) != 0 ? meaning : 0;
    }

    /// <summary>The other server's, with our own largest payload where its is larger.</summary>
    private static BlockSizeConstraints ConstraintsOf(BlockSizeConstraints theirs)
    {
        uint most = Math.Min(theirs.MaximumPayload, Limits.MaxPayloadBytes);
        return theirs with { MaximumPayload = most, Preferred = Math.Min(theirs.Preferred, Limits.MaxPayloadBytes) };
    }
}
