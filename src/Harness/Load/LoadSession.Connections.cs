using Harness.Nbd;

namespace Harness.Load;

/// <content>Connecting, draining and disconnecting: the loop is driven from here until what is waited for has come.</content>
internal sealed partial class LoadSession
{
    // A server that answers nothing for so long after the last request was issued will not answer any more.
    private const long DrainTimeoutNs = 30_000_000_000;

    /// <summary>Connects everything. False where that failed.</summary>
    public bool Connect(NbdClientOptions options)
    {
        foreach (LoadConnection connection in _connections)
        {
            new ClientConnector(_loop, _endpoints, options, connection, connection.OnFailed).Start();
        }

        while (_connections.Any(connection => connection.Client is null && !connection.IsOver))
        {
            _loop.RunOnce();
        }

        return LostReason is null;
    }

    /// <summary>Ends every connection in order, whether or not one was lost.</summary>
    public void Disconnect()
    {
        foreach (LoadConnection connection in _connections)
        {
            connection.Client?.Disconnect();
        }

        while (_connections.Any(connection => !connection.IsOver))
        {
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

    private void Drain()
    {
        // The timer only wakes the loop, which otherwise could sleep for ever.
        var patience = new DrainPatience();
        var timer = new Io.LoopTimer(patience);
        while (_outstanding > 0)
        {
            if (!timer.IsRunning && (_opsLeft == 0 || _loop.NowNs >= _endNs || LostReason is not null))
            {
                _loop.StartTimer(timer, _loop.NowNs + DrainTimeoutNs);
            }

            _loop.RunOnce();
            if (patience.IsOver)
            {
                GiveUp();
                patience.IsOver = false;
            }
        }

        _loop.StopTimer(timer);
    }

    private void GiveUp()
    {
        string line = $"the server has not answered {_outstanding} requests within {DrainTimeoutNs / 1_000_000_000} s after the last was sent; --request-timeout sets a limit per request";
        Lost(line);
        foreach (LoadConnection connection in _connections)
        {
            connection.Client?.Drop(Io.Native.Errno.ETIMEDOUT, line);
        }
    }

    private sealed class DrainPatience : Io.ITimerHandler
    {
        public bool IsOver { get; set; }

        public void OnTimer(Io.LoopTimer timer) => IsOver = true;
    }
}
