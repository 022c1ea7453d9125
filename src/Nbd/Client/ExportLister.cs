using Harness.Io;

namespace Harness.Nbd;

/// <summary>Asks a server for its exports with LIST, then leaves with ABORT. All members are for the loop's thread.</summary>
public sealed class ExportLister : IHandshakeOwner, IIoHandler
{
    private readonly ITransport _transport;
    private readonly ClientHandshake _handshake;
    private readonly Action<IReadOnlyList<ServerEntry>> _onListed;
    private readonly Action<int, string> _onFailed;
    private readonly IoOperation _close;
    private IReadOnlyList<ServerEntry> _exports = [];
    private int _errno;
    private string _reason = string.Empty;

    /// <summary>A lister over a connected transport, which it closes; nothing is sent before <see cref="Start"/>.</summary>
    /// <param name="transport">A stream to the server.</param>
    /// <param name="options">Of these, the handshake timeout.</param>
    /// <param name="onListed">Called with what the server named, when the connection is closed.</param>
    /// <param name="onFailed">Called instead with a positive errno and one line that names the peer.</param>
    public ExportLister(ITransport transport, NbdClientOptions options, Action<IReadOnlyList<ServerEntry>> onListed, Action<int, string> onFailed)
    {
        _transport = transport;
        _handshake = new ClientHandshake(transport, options, this, lists: true);
        _onListed = onListed;
        _onFailed = onFailed;
        _close = new IoOperation(this);
    }

    /// <summary>Begins; exactly one of the two callbacks follows.</summary>
    public void Start() => _handshake.Start();

    void IHandshakeOwner.Entered(ExportInfo export) => throw new InvalidOperationException("a lister enters no export");

    void IHandshakeOwner.Listed(IReadOnlyList<ServerEntry> exports)
    {
        _exports = exports;
        Close();
    }

    void IHandshakeOwner.Aborted() => Close();

    void IHandshakeOwner.Broken(int errno, string reason)
    {
        _errno = errno;
        _reason = $"{_transport.Peer}: {reason}";
        Close();
    }

    void IIoHandler.OnCompleted(IoOperation operation, int result)
    {
        _handshake.Dispose();
        if (_errno == 0)
        {
            _onListed(_exports);
        }
        else
        {
            _onFailed(_errno, _reason);
        }
    }

    private void Close()
    {
        _handshake.End();
        _transport.Close(_close);
    }
}
