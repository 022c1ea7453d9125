using Harness.Io;
using Harness.Io.Native;

namespace Harness.Nbd;

/// <summary>
/// Asks another server what an export is, before anything is served: whoever serves it on has to announce size and flags from the first client on. It
/// has a loop of its own, on the calling thread, and has left the server when it returns.
/// </summary>
internal sealed class UpstreamProbe : IConnectHandler, INbdClientHandler
{
    // Every kernel has it, and a ring may be refused.
    private const string Backend = "poll";

    private readonly NbdClientOptions _options;
    private ExportInfo? _export;
    private string _reason = string.Empty;
    private bool _done;

    private UpstreamProbe(NbdClientOptions options)
    {
        _options = options;
    }

    /// <summary>How connections to an export are made: the richest form of replies, and what lies where.</summary>
    public static NbdClientOptions OptionsFor(NbdUri uri) => new()
    {
        ExportName = uri.ExportName,
        Replies = ReplyForm.Extended,
        MetaContexts = [MetaContext.Allocation],
        MaxInFlight = 65_536,
        ConnectTimeoutNs = 3_000_000_000,
        HandshakeTimeoutNs = 5_000_000_000,
    };

    /// <summary>What the export is.</summary>
    /// <exception cref="BlockException">The server cannot be reached, or does not let us in; the message says why.</exception>
    public static ExportInfo Ask(NbdUri uri, IReadOnlyList<SocketEndpoint> endpoints)
    {
        using var loop = new EventLoop(LoopBackends.Create(Backend));
        var probe = new UpstreamProbe(OptionsFor(uri));
        try
        {
            new ClientConnector(loop, endpoints, probe._options.ConnectTimeoutNs, probe).Start();
        }
        catch (IoException e)
        {
            throw new BlockException($"'nbd': {uri}: {e.Message}");
        }

        while (!probe._done)
        {
            loop.RunOnce();
        }

        return probe._export ?? throw new BlockException($"'nbd': {probe._reason}");
    }

    void IConnectHandler.OnConnected(ITransport transport) => new NbdClient(transport, _options, this).Start();

    void IConnectHandler.OnConnectFailed(int error, string reason)
    {
        _reason = reason;
        _done = true;
    }

    void INbdClientHandler.OnReady(NbdClient client)
    {
        _export = client.Export;
        client.Disconnect();
    }

    void INbdClientHandler.OnClosed(NbdClient client, int error, string reason)
    {
        _reason = reason;
        _done = true;
        client.Dispose();
    }
}
