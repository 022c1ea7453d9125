using Harness.Io;
using Harness.Io.Native;

namespace Harness.Nbd;

/// <summary>
/// An export of an NBD server to be used with <c>await</c>: reads and writes of any length, several at a time, with an <see cref="NbdSession"/> below that
/// spreads them over connections and outlives the server's restarts. The simplest of the ways to use the client: data is copied once more than in the others.
/// </summary>
/// <remarks>
/// <para>The work is done by an <see cref="EventLoop"/> that the caller runs, on a thread of its own or with <see cref="LoopTasks.Run"/> on this one. Any
/// thread may call all members; none of them blocks, and no thread is made.</para>
/// <para>A request that fails throws <see cref="NbdClientException"/> with the errno. One that is cancelled throws <see cref="OperationCanceledException"/> at
/// once and does not touch the caller's memory any more; what was on the wire already is done by the server all the same, a write among it. Requests longer
/// than the server takes go in pieces, one after the other: another reader may see one piece written and the next not yet.</para>
/// </remarks>
public sealed class NbdDisk : INbdSessionHandler, IAsyncDisposable
{
    private readonly IReadOnlyList<SocketEndpoint> _endpoints;
    private readonly bool _ownsEndpoints;
    private readonly CallWatch? _watch;
    private readonly TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private NbdDisk(EventLoop loop, IReadOnlyList<SocketEndpoint> endpoints, bool ownsEndpoints, NbdSessionOptions options)
    {
        Loop = loop;
        _endpoints = endpoints;
        _ownsEndpoints = ownsEndpoints;
        _watch = options.Watch;
        Session = new NbdSession(loop, endpoints, options, this);
    }

    /// <summary>Size, flags and block sizes of the export.</summary>
    public ExportInfo Export => Session.Export;

    /// <summary>Bytes of the export.</summary>
    public ulong Size => Export.Size;

    /// <summary>How often requests were sent again so far, because their connections had broken.</summary>
    public long Reissued => Session.Reissued;

    /// <summary>The loop that does the work.</summary>
    public EventLoop Loop { get; }

    internal NbdSession Session { get; }

    /// <summary>For the loop's thread.</summary>
    internal BufferPool Buffers { get; } = new();

    /// <summary>
    /// Connects to an export. A host name is looked up before this returns, which may block; an address or a Unix socket is not.
    /// </summary>
    /// <param name="loop">Does the work; somebody runs it.</param>
    /// <param name="uri">Where the export is.</param>
    /// <param name="options">How connections behave; the export's name is that of the URI. Null for what suits most: structured replies and extents.</param>
    /// <param name="cancel">Gives up.</param>
    /// <exception cref="NbdClientException">The server cannot be reached within <see cref="NbdSessionOptions.AwayTimeoutNs"/>, or does not let us
    /// in.</exception>
    public static Task<NbdDisk> ConnectAsync(EventLoop loop, NbdUri uri, NbdSessionOptions? options = null, CancellationToken cancel = default)
    {
        NbdSessionOptions given = options ?? new NbdSessionOptions { Client = UsualClient };
        IReadOnlyList<SocketEndpoint> endpoints = EndpointResolver.Resolve(uri);
        return OpenAsync(new NbdDisk(loop, endpoints, ownsEndpoints: true, given with { Client = given.Client with { ExportName = uri.ExportName } }), cancel);
    }

    /// <summary>Connects to the export that the options name.</summary>
    /// <param name="loop">Does the work; somebody runs it.</param>
    /// <param name="endpoints">Where the server is; they must live as long as the disk.</param>
    /// <param name="options">How connections behave.</param>
    /// <param name="cancel">Gives up.</param>
    /// <exception cref="NbdClientException">As above.</exception>
    public static Task<NbdDisk> ConnectAsync(
        EventLoop loop, IReadOnlyList<SocketEndpoint> endpoints, NbdSessionOptions options, CancellationToken cancel = default) =>
        OpenAsync(new NbdDisk(loop, endpoints, ownsEndpoints: false, options), cancel);

    /// <summary>What suits most: structured replies with what lies where.</summary>
    public static NbdClientOptions UsualClient { get; } = new()
    {
        Replies = ReplyForm.Structured,
        MetaContexts = [MetaContext.Allocation],
        MaxInFlight = 1024,
        MaxBatchRequests = 256,
    };

    /// <summary>Reads. The memory is filled when the task has ended well, and undefined where it failed.</summary>
    /// <param name="offset">First byte.</param>
    /// <param name="into">Where to; its length is what is read.</param>
    /// <param name="cancel">Ends the waiting.</param>
    /// <exception cref="NbdClientException">EINVAL beyond the export's end, and what else the server says.</exception>
    public async Task ReadAsync(ulong offset, Memory<byte> into, CancellationToken cancel = default)
    {
        for (int done = 0; done < into.Length;)
        {
            int piece = PieceOf(into.Length - done);
            var call = new DiskCall(this, NbdCommand.Read, NbdCommandFlags.None, offset + (uint)done, (uint)piece, cancel) { Into = into.Slice(done, piece) };
            await Begin(call, cancel).ConfigureAwait(false);
            done += piece;
        }
    }

    /// <summary>Writes. The memory is left alone until the task has ended.</summary>
    /// <param name="offset">First byte.</param>
    /// <param name="from">What; its length is what is written.</param>
    /// <param name="fua">True where it must be on stable storage before the task ends; without it <see cref="FlushAsync"/> sees to that.</param>
    /// <param name="cancel">Ends the waiting; the write may be done or not.</param>
    /// <exception cref="NbdClientException">EINVAL or ENOSPC beyond the export's end, EPERM where it is read-only, and what else the server says.</exception>
    public async Task WriteAsync(ulong offset, ReadOnlyMemory<byte> from, bool fua = false, CancellationToken cancel = default)
    {
        for (int done = 0; done < from.Length;)
        {
            int piece = PieceOf(from.Length - done);
            var call = new DiskCall(this, NbdCommand.Write, FlagsOf(fua), offset + (uint)done, (uint)piece, cancel) { From = from.Slice(done, piece) };
            await Begin(call, cancel).ConfigureAwait(false);
            done += piece;
        }
    }

    /// <summary>What was written by tasks that have ended is on stable storage when this one ends well.</summary>
    /// <param name="cancel">Ends the waiting.</param>
    /// <exception cref="NbdClientException">EIO where a connection broke after writes that nothing had flushed: they may be lost. Write them again.</exception>
    public Task FlushAsync(CancellationToken cancel = default) => Begin(new DiskCall(this, NbdCommand.Flush, NbdCommandFlags.None, 0, 0, cancel), cancel);

    /// <summary>The bytes are not needed any more, and what they read as afterwards is the server's choice.</summary>
    /// <param name="offset">First byte.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="fua">As in <see cref="WriteAsync"/>.</param>
    /// <param name="cancel">Ends the waiting.</param>
    /// <exception cref="NbdClientException">What the server says.</exception>
    public Task TrimAsync(ulong offset, ulong length, bool fua = false, CancellationToken cancel = default) =>
        InPiecesAsync(NbdCommand.Trim, FlagsOf(fua), offset, length, cancel);

    /// <summary>The bytes read as zeroes afterwards.</summary>
    /// <param name="offset">First byte.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="keepsSpace">True where the space must stay taken (NO_HOLE).</param>
    /// <param name="fua">As in <see cref="WriteAsync"/>.</param>
    /// <param name="cancel">Ends the waiting.</param>
    /// <exception cref="NbdClientException">What the server says.</exception>
    public Task ZeroAsync(ulong offset, ulong length, bool keepsSpace = false, bool fua = false, CancellationToken cancel = default) =>
        InPiecesAsync(NbdCommand.WriteZeroes, FlagsOf(fua) | (keepsSpace ? NbdCommandFlags.NoHole : NbdCommandFlags.None), offset, length, cancel);

    /// <summary>What lies where. Where the server does not tell, all of it is data.</summary>
    /// <param name="offset">First byte.</param>
    /// <param name="length">Bytes, within the export.</param>
    /// <param name="cancel">Ends the waiting.</param>
    /// <returns>Extents that cover the range without a gap, in order.</returns>
    /// <exception cref="NbdClientException">What the server says.</exception>
    public async Task<IReadOnlyList<NbdExtent>> ExtentsAsync(ulong offset, ulong length, CancellationToken cancel = default)
    {
        if (!Session.HasMetaContexts)
        {
            return length == 0 ? [] : [new NbdExtent(offset, length, AllocationFlags.None)];
        }

        var all = new List<NbdExtent>();
        for (ulong done = 0; done < length;)
        {
            // A server may stop wherever it likes after the first extent.
            ulong piece = Math.Min(length - done, LongestWithoutData);
            IReadOnlyList<NbdExtent> some = await Begin(new DiskCall(this, NbdCommand.BlockStatus, NbdCommandFlags.None, offset + done, piece, cancel), cancel)
                .ConfigureAwait(false);
            foreach (NbdExtent extent in some)
            {
                Append(all, extent);
                done += extent.Length;
            }

            if (some.Count == 0)
            {
                Append(all, new NbdExtent(offset + done, piece, AllocationFlags.None));
                done += piece;
            }
        }

        return all;
    }

    /// <summary>
    /// Leaves: what is in flight is finished, then everything is closed. Writes that no <see cref="FlushAsync"/> covered are the server's to keep.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        Loop.Post(Session.Disconnect);
        await _closed.Task.ConfigureAwait(false);
    }

    void INbdSessionHandler.OnReady(NbdSession session) => _ready.TrySetResult();

    void INbdSessionHandler.OnClosed(NbdSession session, int error, string reason)
    {
        Buffers.Dispose();
        if (_ownsEndpoints)
        {
            foreach (SocketEndpoint endpoint in _endpoints)
            {
                endpoint.Dispose();
            }
        }

        _ready.TrySetException(new NbdClientException(error == 0 ? Errno.ESHUTDOWN : error, reason.Length == 0 ? "the connection was given up" : reason));
        _closed.TrySetResult();
    }

    private static async Task<NbdDisk> OpenAsync(NbdDisk disk, CancellationToken cancel)
    {
        cancel.ThrowIfCancellationRequested();
        disk.Loop.Post(disk.Session.Start);
        using CancellationTokenRegistration registration = cancel.UnsafeRegister(
            static state => ((NbdDisk)state!).GiveUp(), disk);
        try
        {
            await disk._ready.Task.ConfigureAwait(false);
        }
        catch (NbdClientException) when (cancel.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancel);
        }

        return disk;
    }

    private static NbdCommandFlags FlagsOf(bool fua) => fua ? NbdCommandFlags.Fua : NbdCommandFlags.None;

    private static void Append(List<NbdExtent> all, NbdExtent extent)
    {
        if (all.Count > 0 && all[^1] is var last && last.Flags == extent.Flags)
        {
            all[^1] = last with { Length = last.Length + extent.Length };
        }
        else
        {
            all.Add(extent);
        }
    }

    private void GiveUp() => Loop.Post(Session.Disconnect);

    private int PieceOf(int left) => (int)Math.Min((uint)left, Session.MaxPayloadBytes);

    /// <summary>Of a command that carries no data; a multiple of every block size.</summary>
    private ulong LongestWithoutData => Session.Replies == ReplyForm.Extended ? Limits.MaxExportBytes : uint.MaxValue & ~(Limits.MaxMinimumBlockBytes - 1);

    private async Task InPiecesAsync(NbdCommand command, NbdCommandFlags flags, ulong offset, ulong length, CancellationToken cancel)
    {
        for (ulong done = 0; done < length;)
        {
            ulong piece = Math.Min(length - done, LongestWithoutData);
            await Begin(new DiskCall(this, command, flags, offset + done, piece, cancel), cancel).ConfigureAwait(false);
            done += piece;
        }
    }

    private Task<IReadOnlyList<NbdExtent>> Begin(DiskCall call, CancellationToken cancel)
    {
        cancel.ThrowIfCancellationRequested();
        using CallScope scope = CallWatch.Enter(_watch, "NbdDisk: begin a request");
        return call.Start();
    }
}
