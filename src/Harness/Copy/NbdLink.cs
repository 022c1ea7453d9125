using Harness.Nbd;

namespace Harness.Copy;

/// <summary>One connection of a copy.</summary>
/// <param name="ended">Told why, when it is over.</param>
internal sealed class NbdLink(Action<string> ended) : IConnectHandler, INbdClientHandler
{
    private NbdClientOptions? _options;

    /// <summary>Null until the socket is connected.</summary>
    public NbdClient? Client { get; private set; }

    public bool IsReady { get; private set; }

    public bool IsOver { get; private set; }

    public NbdLink Begin(NbdClientOptions options)
    {
        _options = options;
        return this;
    }

    public void OnConnected(ITransport transport)
    {
        Client = new NbdClient(transport, _options!, this);
        Client.Start();
    }

    public void OnConnectFailed(int error, string reason) => End(reason);

    public void OnReady(NbdClient client) => IsReady = true;

    public void OnClosed(NbdClient client, int error, string reason) => End(reason);

    private void End(string reason)
    {
        IsOver = true;
        ended(reason);
    }
}
