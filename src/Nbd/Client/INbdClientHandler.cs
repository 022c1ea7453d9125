namespace Harness.Nbd;

/// <summary>Told of a connection's beginning and end. Called on the loop's thread; must not throw.</summary>
public interface INbdClientHandler
{
    /// <summary>The transmission phase has begun: <see cref="NbdClient.Export"/> is known and requests may be submitted, also from here.</summary>
    void OnReady(NbdClient client);

    /// <summary>
    /// The connection is over and its descriptor closed; every request has been reported before. Called exactly once after
    /// <see cref="NbdClient.Start"/>, whether or not <see cref="OnReady"/> came first.
    /// </summary>
    /// <param name="client">The client, which can be disposed of now.</param>
    /// <param name="error">0 after a <see cref="NbdClient.Disconnect"/> that went as asked, or a positive errno.</param>
    /// <param name="reason">One line for people that names the peer and what happened; empty where <paramref name="error"/> is 0.</param>
    void OnClosed(NbdClient client, int error, string reason);
}
