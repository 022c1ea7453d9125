namespace Harness.Nbd;

/// <summary>Told of the beginning and the end of an <see cref="NbdHandle"/>'s connection. Called on the handle's thread; must not throw.</summary>
public interface INbdHandleHandler
{
    /// <summary>The negotiation is over: <see cref="NbdHandle.Export"/> is known.</summary>
    /// <param name="handle">The handle.</param>
    void OnReady(NbdHandle handle);

    /// <summary>
    /// The connection is over and its descriptor closed, or could not be made. Every request has ended before. Called once after
    /// <see cref="NbdHandle.Connect"/>, whether or not <see cref="OnReady"/> came first.
    /// </summary>
    /// <param name="handle">The handle.</param>
    /// <param name="error">0 after a <see cref="NbdHandle.Disconnect"/> that went as asked, or a positive errno.</param>
    /// <param name="reason">One line for people that names the peer and what happened; empty where <paramref name="error"/> is 0.</param>
    void OnClosed(NbdHandle handle, int error, string reason);
}
