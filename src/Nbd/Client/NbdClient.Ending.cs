using Harness.Io;
using Harness.Io.Native;

namespace Harness.Nbd;

/// <content>How requests end at their deadlines, and how the connection ends.</content>
public sealed partial class NbdClient
{
    private RequestQueue _refused;
    private int _endErrno;
    private string _endReason = string.Empty;
    private string? _streamEndedAt;
    private long _drainDeadlineNs;

    /// <summary>
    /// Ends the connection in order: no new requests, then wait for those in flight, DISC, close. Requests submitted from now on complete with ESHUTDOWN.
    /// Replies of timed-out requests are waited for too, for at most one more <see cref="NbdClientOptions.RequestTimeoutNs"/>. Harmless where the end has
    /// begun.
    /// </summary>
    public void Disconnect()
    {
        switch (_phase)
        {
            case Phase.Transmission:
                _phase = Phase.Draining;
                _drainDeadlineNs = _transport.Loop.NowNs + _options.RequestTimeoutNs;
                ContinueDisconnect();
                break;
            case Phase.Handshake:
                _handshake.GiveUp();
                break;
        }
    }

    /// <summary>Ends the connection now: every request in flight completes with <paramref name="errno"/>, after the kernel has let go of its memory.</summary>
    /// <param name="errno">Positive.</param>
    /// <param name="reason">Why, for <see cref="INbdClientHandler.OnClosed"/>.</param>
    public void Drop(int errno, string reason)
    {
        if (_phase is Phase.Handshake or Phase.Transmission or Phase.Draining)
        {
            BeginClose(errno, reason);
        }
    }

    void ISideOwner.Broken(int errno, string reason) => Break(errno, reason);

    void ISideOwner.StreamEnded(bool isWithinReply)
    {
        bool isLeaving = _write is { } near ? near.State == WriteState.Disconnecting : _handOver!.HasDisconnected;
        if (isLeaving && !isWithinReply)
        {
            // It has read DISC and done what that asks for, before it was told here that DISC has left: on the other thread that may take a while.
            BeginClose(0, string.Empty);
        }
        else
        {
            _streamEndedAt = Where();
            Break(Errno.ECONNRESET, "the server closed the connection" + (isWithinReply ? " in the middle of a reply" : string.Empty));
        }
    }

    /// <summary>The sending side, on the other thread, has let go of its descriptor: nothing more will be told by it.</summary>
    private void FarSideClosed()
    {
        // The kernel tells of a reset once, to the thread that asks first (tcp(7), the pending error of a socket): where that one sends, the other is told
        // that the stream has ended, and may be heard before it.
        if (_streamEndedAt is { } where && _handOver!.Broken is (Errno.ECONNRESET, string reason))
        {
            _endReason = $"{Peer}: {reason}{where}";
        }

        _transport.Close(_close);
    }

    void ISideOwner.AllSent() => ContinueDisconnect();

    void ISideOwner.DisconnectSent() => BeginClose(0, string.Empty);

    long ISideOwner.ReceiveTimeoutNs(long nowNs)
    {
        if (_options.RequestTimeoutNs == 0)
        {
            return 0;
        }

        // With nothing in flight it still wakes once per timeout: whatever is submitted meanwhile is due later than that, so a receive never outlasts
        // a deadline and never needs to be cancelled for a new one.
        long submittedNs = Oldest()?.SubmittedNs ?? nowNs;
        return Math.Max(1, submittedNs + _options.RequestTimeoutNs - nowNs);
    }

    void ITurnEndHandler.OnTurnEnd()
    {
        long nowNs = _transport.Loop.NowNs;
        // Only those that are here now: a handler that submits again at once must not hold the turn.
        RequestQueue refused = _refused;
        _refused = default;
        while (refused.TryDequeue(out ClientRequest request))
        {
            Report(request, _endErrno == 0 ? Errno.ESHUTDOWN : _endErrno, nowNs);
        }
    }

    void IIoHandler.OnCompleted(IoOperation operation, int result)
    {
        // The descriptor is closed and nothing is pending on it: all memory of the requests is theirs again.
        int errno = _endErrno == 0 ? Errno.ESHUTDOWN : _endErrno;
        long nowNs = _transport.Loop.NowNs;
        while (_inFlight.Oldest >= 0)
        {
            int slot = _inFlight.Oldest;
            ClientRequest request = _inFlight.RequestOf(slot)!;
            int error = _inFlight.SentPayload(slot, out int answered) ? answered : errno;
            _inFlight.Release(slot);
            Report(request, error, nowNs);
        }

        while (TryTakeQueued(out ClientRequest queued))
        {
            Report(queued, errno, nowNs);
        }

        _phase = Phase.Closed;
        _handler.OnClosed(this, _endErrno, _endReason);
    }

    /// <summary>Adds to a reason what a person needs to know: with whom, and where both sides were.</summary>
    private void Break(int errno, string reason)
    {
        Drop(errno, $"{Peer}: {reason}{Where()}");
    }

    private string Where() => _phase is Phase.Transmission or Phase.Draining ? $" ({Describe()})" : string.Empty;

    void IHandshakeOwner.Aborted() => BeginClose(0, string.Empty);

    void IHandshakeOwner.Broken(int errno, string reason) => Break(errno, reason);

    private ClientRequest? Oldest() => _inFlight.Oldest >= 0 ? _inFlight.RequestOf(_inFlight.Oldest)
        : _write is { } write ? write.OldestQueued
        : _handOver!.OldestQueued;

    private bool TryTakeQueued(out ClientRequest request) =>
        _write is { } write ? write.TryTakeQueued(out request) : _handOver!.TryTakeQueued(out request);

    /// <summary>Ends every request whose deadline has passed, oldest first. Not while a receive is in flight.</summary>
    private void ExpireUntil(long nowNs)
    {
        if (_options.RequestTimeoutNs == 0)
        {
            return;
        }

        while (_phase is Phase.Transmission or Phase.Draining && Oldest() is { } oldest && oldest.SubmittedNs + _options.RequestTimeoutNs <= nowNs)
        {
            Expire(oldest, nowNs);
        }
    }

    private void Expire(ClientRequest request, long nowNs)
    {
        int slot = _inFlight.Oldest;
        if (slot < 0)
        {
            TryTakeQueued(out _);
        }
        else if (_inFlight.IsSending(slot))
        {
            // The kernel reads the payload, and half of it may be on the wire: neither the memory nor the stream can be had back, except by closing.
            string limit = $"{_options.RequestTimeoutNs / 1e6:0.###} ms";
            Break(Errno.ETIMEDOUT, $"the server did not take a {request.Command.Text()} of {request.Length} bytes within {limit}");
            return;
        }
        else
        {
            _inFlight.Abandon(slot);
            _read.Forget(slot);
        }

        Report(request, Errno.ETIMEDOUT, nowNs);
    }

    private void ContinueDisconnect()
    {
        bool hasSentAll = _write is { } near ? near.State == WriteState.Ready : _handOver!.MayDisconnect;
        if (_phase != Phase.Draining || !hasSentAll || _inFlight.Count > 0)
        {
            return;
        }

        if (_inFlight.Abandoned == 0 || _transport.Loop.NowNs >= _drainDeadlineNs)
        {
            _write?.SendDisconnect();
            _handOver?.SendDisconnect();
        }
    }

    private void Refuse(ClientRequest request)
    {
        if (_refused.IsEmpty)
        {
            _transport.Loop.AtTurnEnd(this);
        }

        _refused.Enqueue(request);
    }

    private void BeginClose(int errno, string reason)
    {
        _phase = Phase.Closing;
        _endErrno = errno;
        _endReason = reason;
        _handshake.End();
        _read.End();
        if (_write is { } write)
        {
            write.End();
            _transport.Close(_close);
        }
        else
        {
            // The other thread lets go first, so that no memory of a request is in the kernel's hands when this one ends them.
            _handOver!.End();
        }
    }
}
