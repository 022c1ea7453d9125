using Harness.Io;
using Harness.Io.Native;
using Harness.Load;
using Harness.Nbd;

namespace Harness.Copy;

/// <summary>An export of an NBD server, over one connection or several.</summary>
internal sealed class NbdEnd : CopyEnd
{
    // What a server without extended headers can be asked for at once; and one that looks at its disk for each extent answers soon.
    private const ulong MostAsked = 128 << 20;
    private const ulong MostZeroed = 256 << 20;

    private readonly EventLoop _loop;
    private readonly NbdReach _server;
    private readonly NbdClientOptions _options;
    private readonly List<NbdLink> _links = [];
    private readonly Action _onLost;
    private bool _leaving;

    /// <param name="uri">The server.</param>
    /// <param name="loop">Where the connections live.</param>
    /// <param name="options">How many connections, and of how many requests.</param>
    /// <param name="asksExtents">Whether the source's holes are of interest.</param>
    /// <param name="onLost">Called when a connection has ended that should not have.</param>
    public NbdEnd(string uri, EventLoop loop, CopyOptions options, bool asksExtents, Action onLost)
        : base(uri)
    {
        _loop = loop;
        _onLost = onLost;
        _server = new NbdReach(uri);
        _options = new NbdClientOptions
        {
            ExportName = _server.Uri.ExportName,
            Replies = ReplyForm.Structured,
            MetaContexts = asksExtents ? [MetaContext.Allocation] : [],
            MaxBatchRequests = Math.Min(options.Requests, SendVector.MaxRuns),
            ReceiveBytes = (int)Math.Clamp(2L * options.Requests * (options.RequestBytes + Chunks.MaxDataHeaderBytes), 16 << 10, 64 << 10),
        };
    }

    public ExportInfo Export => _links[0].Client!.Export;

    public override ulong Size => Export.Size;

    public override uint MinimumBlock => Export.BlockSize.Minimum;

    public override uint MaximumRequest => _links[0].Client!.MaxPayloadBytes;

    public override ulong MaximumZero => Export.Flags.HasFlag(TransmissionFlags.SendWriteZeroes) ? MostZeroed : 0;

    public override int Connections => _links.Count;

    public override int FlushPorts => Export.Flags.HasFlag(TransmissionFlags.SendFlush) ? _links.Count : 0;

    public bool Allocates { get; init; }

    private string? _lost;

    public override string? LostReason => _lost;

    public override bool IsOver => _links.All(link => link.IsOver);

    /// <summary>Connects once, and once more for each connection that was asked for and that the server promises to keep consistent with the others.</summary>
    /// <exception cref="HarnessException">A connection could not be made.</exception>
    public void Connect(int connections)
    {
        ConnectOne();
        for (int i = 1; i < connections && Export.Flags.HasFlag(TransmissionFlags.CanMultiConn); i++)
        {
            ConnectOne();
        }
    }

    public override CopyPort NewPort(int number, ICopyHandler handler) => new NbdPort(_links[number % _links.Count], handler, Allocates);

    public override void FindExtents(ulong offset, IExtentSink sink)
    {
        if (_links[0].Client!.MetaContexts.Count == 0)
        {
            base.FindExtents(offset, sink);
            return;
        }

        // A whole number of blocks, as the offset is.
        new ExtentQuestion(sink).Ask(_links[0].Client!, offset, Math.Min(Size - offset, MostAsked));
    }

    public override void Disconnect()
    {
        _leaving = true;
        foreach (NbdLink link in _links)
        {
            link.Client?.Disconnect();
        }
    }

    /// <summary>Ends what is in flight without waiting for the server.</summary>
    public void Drop()
    {
        _leaving = true;
        foreach (NbdLink link in _links)
        {
            link.Client?.Drop(Errno.ECANCELED, "the copy was given up");
        }
    }

    public override void Dispose()
    {
        foreach (NbdLink link in _links)
        {
            link.Client?.Dispose();
        }

        _server.Dispose();
    }

    private void ConnectOne()
    {
        var link = new NbdLink(Ended);
        _links.Add(link);
        _server.Connect(_loop, _options, link.Begin(_options));
        while (!link.IsReady && !link.IsOver)
        {
            _loop.RunOnce();
        }

        if (LostReason is { } reason)
        {
            throw new HarnessException(ExitCode.Failed, reason);
        }
    }

    private void Ended(string reason)
    {
        if (!_leaving)
        {
            _lost ??= reason.Length > 0 ? reason : $"{Name}: the connection is over";
            _onLost();
        }
    }
}
