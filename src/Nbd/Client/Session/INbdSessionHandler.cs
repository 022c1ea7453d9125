namespace Harness.Nbd;

/// <summary>Told what becomes of an <see cref="NbdSession"/>. Called on the loop's thread; must not throw.</summary>
public interface INbdSessionHandler
{
    /// <summary>The first connection is ready: <see cref="NbdSession.Export"/> is known. Called once.</summary>
    /// <param name="session">The session.</param>
    void OnReady(NbdSession session);

    /// <summary>A connection that was in use broke. It is made again; what was in flight on it is sent again or fails, see <see cref="NbdSession"/>.</summary>
    /// <param name="session">The session.</param>
    /// <param name="error">A positive errno.</param>
    /// <param name="reason">One line for people that names the peer and what happened.</param>
    void OnLost(NbdSession session, int error, string reason)
    {
    }

    /// <summary>A connection that had broken is there again.</summary>
    /// <param name="session">The session.</param>
    void OnRestored(NbdSession session)
    {
    }

    /// <summary>The session is over: every request has ended, every descriptor is closed. Called once after <see cref="NbdSession.Start"/>.</summary>
    /// <param name="session">The session.</param>
    /// <param name="error">0 after a <see cref="NbdSession.Disconnect"/>, or a positive errno.</param>
    /// <param name="reason">One line for people; empty where <paramref name="error"/> is 0.</param>
    void OnClosed(NbdSession session, int error, string reason);
}
