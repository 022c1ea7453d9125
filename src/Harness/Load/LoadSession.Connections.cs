using Harness.Io;
using Harness.Io.Native;
using Harness.Nbd;

namespace Harness.Load;

/// <content>Connecting, draining and disconnecting: the loop is driven from here until what is waited for has come.</content>
internal sealed partial class LoadSession
{
    // A server that answers nothing for so long after the last request was issued will not answer any more.
    private const long DrainTimeoutNs = 30_000_000_000;

    // More at a time would only queue behind one another, in the server's backlog and in ours.
    private const int MaxConnecting = 256;

    private readonly DrainPatience _patience = new();
    private readonly LoopTimer _patienceTimer;
    private int _connecting;

    /// <summary>Connects everything. False where that failed.</summary>
    public bool Connect()
    {
        int begun = 0;
        while (_connecting > 0 || (begun < _connections.Length && LostReason is null))
        {
            while (begun < _connections.Length && _connecting < MaxConnecting && LostReason is null)
            {
                _connecting++;
                _connect(_connections[begun++]);
            }

            _loop.RunOnce();
        }

        for (; begun < _connections.Length; begun++)
        {
            _connections[begun].GiveUp();
        }

        return LostReason is null;
    }

    /// <summary>A connection is ready, or could not be made.</summary>
    public void Settled() => _connecting--;

    /// <summary>Ends every connection in order, whether or not one was lost.</summary>
    public void Disconnect()
    {
        while (_connections.Any(connection => !connection.IsOver))
        {
            // Harmless where it has been asked for; asked for again because a connection may become ready only now.
            foreach (LoadConnection connection in _connections)
            {
                connection.Client?.Disconnect();
            }

            _loop.RunOnce();
        }
    }

    public void Dispose()
    {
        foreach (LoadConnection connection in _connections)
        {
            connection.Dispose();
        }
    }

    /// <summary>Runs the loop until nothing is in flight and nothing more is to be sent, which is so at <paramref name="lastSendNs"/> at the latest.</summary>
    private void Drain(long lastSendNs)
    {
        if (lastSendNs != long.MaxValue)
        {
            _loop.StartTimer(_patienceTimer, lastSendNs + DrainTimeoutNs);
        }

        while (_outstanding > 0 || _thinkTime is { Thinking: > 0 } || (_openLoop is { HasMore: true } && !_sweeping))
        {
            if (!_patienceTimer.IsRunning && (_opsLeft == 0 || LostReason is not null))
            {
                _loop.StartTimer(_patienceTimer, _loop.NowNs + DrainTimeoutNs);
            }

            _loop.RunOnce();
            if (_patience.IsOver)
            {
                _patience.IsOver = false;
                GiveUp();
            }
        }

        _loop.StopTimer(_patienceTimer);
    }

    private void GiveUp()
    {
        string line = $"the server has not answered {_outstanding} requests within {DrainTimeoutNs / 1_000_000_000} s after the last was sent; "
            + "--request-timeout sets a limit per request";
        Lost(line);
        foreach (LoadConnection connection in _connections)
        {
            connection.Client?.Drop(Errno.ETIMEDOUT, line);
        }
    }

    private sealed class DrainPatience : ITimerHandler
    {
        public bool IsOver { get; set; }

        public void OnTimer(LoopTimer timer) => IsOver = true;
    }
}
