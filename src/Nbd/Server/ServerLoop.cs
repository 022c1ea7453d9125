using Harness.Io;

namespace Harness.Nbd;

/// <summary>
/// What the server keeps for one event loop: its connections, its pools and its counts. Written by that loop's thread only; another thread asks by posting
/// to the loop.
/// </summary>
public sealed class ServerLoop : ITimerHandler, IDisposable
{
    // After the deadline of a drain: how long clients may still take to receive their last answers, and blocks to complete what they were given.
    private const long LastChanceNs = 1_000_000_000;

    // A block that has lost one request may have lost thousands.
    private const int UnfinishedNamed = 5;

    private readonly NbdServer _server;
    private readonly List<ServerConnection> _connections = [];
    private readonly LoopTimer _drainTimer;
    private int _assigned;
    private Action<bool>? _drained;
    private bool _inTime = true;

    internal ServerLoop(NbdServer server, EventLoop loop, int index)
    {
        _server = server;
        Blocks = new BlockLoop(loop, index) { Log = server.Log.Notice };
        Chunks = new ReceiveChunkPool(server.Options.ReceiveBytes);
        IdleSweep = new IdleSweep(this);
        _drainTimer = new LoopTimer(this);
    }

    /// <summary>The loop.</summary>
    public EventLoop Loop => Blocks.Loop;

    /// <summary>What the block graph keeps for the loop.</summary>
    public BlockLoop Blocks { get; }

    /// <summary>NBD requests taken off the wire, DISC not counted.</summary>
    public long Requests { get; internal set; }

    /// <summary>Bytes received, handshakes and headers included.</summary>
    public long BytesIn { get; internal set; }

    /// <summary>Bytes sent, handshakes and headers included.</summary>
    public long BytesOut { get; internal set; }

    /// <summary>Connections served now.</summary>
    public int Connections => _connections.Count;

    /// <summary>Connections served so far.</summary>
    public long Accepted { get; private set; }

    /// <summary>Receive chunks that connections or payloads in flight hold.</summary>
    public int ChunksInUse => Chunks.InUse;

    internal ReceiveChunkPool Chunks { get; }

    /// <summary>Connections that live here or are on their way here. Any thread may ask.</summary>
    internal int Assigned => Volatile.Read(ref _assigned);

    internal IdleSweep IdleSweep { get; }

    internal SendFramePool Frames { get; } = new();

    internal OptionAnswers Answers { get; } = new();

    /// <inheritdoc/>
    public void OnTimer(LoopTimer timer)
    {
        if (_inTime)
        {
            _inTime = false;
            foreach (ServerConnection connection in _connections.ToArray())
            {
                connection.Abandon();
            }

            Loop.StartTimer(_drainTimer, Loop.NowNs + LastChanceNs);
        }
        else
        {
            foreach (ServerConnection connection in _connections.ToArray())
            {
                connection.CutOff();
            }

            NameUnfinished();
            TellDrained();
        }
    }

    /// <summary>Frees the pools. On the loop's thread, when no connection is left.</summary>
    public void Dispose()
    {
        IdleSweep.Stop();
        Frames.Dispose();
        Chunks.Dispose();
        Blocks.Dispose();
    }

    /// <summary>Gives back to the system what the pools keep beyond so many pieces each.</summary>
    internal void TrimPools(int keep)
    {
        Chunks.Trim(keep);
        Frames.Trim(keep);
    }

    /// <summary>A connection is going to live here; <see cref="Serve"/> follows. Any thread may call it.</summary>
    internal void Assign() => Interlocked.Increment(ref _assigned);

    internal void Serve(ITransport transport)
    {
        var connection = new ServerConnection(this, _server, transport) { ListIndex = _connections.Count };
        _connections.Add(connection);
        Accepted++;
        connection.Start();
        if (_server.IsDraining)
        {
            // Accepted by another loop just before the drain began.
            connection.Drain();
        }
    }

    internal void Remove(ServerConnection connection)
    {
        ServerConnection last = _connections[^1];
        _connections[connection.ListIndex] = last;
        last.ListIndex = connection.ListIndex;
        _connections.RemoveAt(_connections.Count - 1);
        Interlocked.Decrement(ref _assigned);
        _server.OnConnectionEnded();
        TellIfDrained();
    }

    /// <summary>Ends every connection; see <see cref="NbdServer.DrainAsync"/>.</summary>
    /// <param name="drained">Called once with true where everything ended within the deadline.</param>
    internal void Drain(Action<bool> drained)
    {
        _drained = drained;
        Loop.StartTimer(_drainTimer, Loop.NowNs + _server.Options.DrainDeadlineNs);
        foreach (ServerConnection connection in _connections.ToArray())
        {
            connection.Drain();
        }

        TellIfDrained();
    }

    private void NameUnfinished()
    {
        string[] unfinished = [.. Blocks.DescribeUnfinished()];
        if (unfinished.Length > 0)
        {
            _server.Log.Line($"{unfinished.Length} requests were never completed by their block");
        }

        foreach (string request in unfinished.Take(UnfinishedNamed))
        {
            _server.Log.Line($"never completed: {request}");
        }
    }

    private void TellIfDrained()
    {
        if (_drained is not null && _connections.Count == 0)
        {
            TellDrained();
        }
    }

    private void TellDrained()
    {
        Action<bool>? drained = _drained;
        _drained = null;
        Loop.StopTimer(_drainTimer);
        drained?.Invoke(_inTime);
    }
}
