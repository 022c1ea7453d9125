namespace Harness.Nbd;

/// <summary>Somebody who waits until a request has been sent to the last byte. Kept by the connection's thread; another one may sleep on it.</summary>
internal sealed class SendWait(ClientRequest request)
{
    private const long NotSent = -1;
    private readonly ManualResetEventSlim _over = new();
    private long _submittedNs;
    private long _batch = NotSent;

    /// <summary>The request has left, or has ended without that.</summary>
    public bool IsOver => _over.IsSet;

    /// <summary>The connection has taken the request.</summary>
    public void Submitted()
    {
        _submittedNs = request.SubmittedNs;
        _batch = NotSent;
    }

    /// <summary>A send of that number begins; the request may be in it.</summary>
    public void BatchBegins(long number)
    {
        if (_batch == NotSent && IsMine && request.IssuedNs != 0)
        {
            _batch = number;
        }
    }

    /// <summary>Looks whether it is over.</summary>
    /// <param name="sent">The number of the last send that is complete.</param>
    public void Look(long sent)
    {
        if ((_submittedNs != 0 && !IsMine) || (_batch != NotSent && _batch <= sent))
        {
            End();
        }
    }

    /// <summary>It is over in any case.</summary>
    public void End() => _over.Set();

    /// <summary>Sleeps until it is over, on another thread than the connection's; false where the time is up.</summary>
    public bool Sleep(int timeoutMs) => _over.Wait(timeoutMs);

    // A request that has ended may be in flight again already.
    private bool IsMine => request.IsSubmitted && request.SubmittedNs == _submittedNs;
}
