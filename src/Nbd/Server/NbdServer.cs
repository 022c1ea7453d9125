using Harness.Io;

namespace Harness.Nbd;

/// <summary>
/// An NBD server: exports, the loops that serve them, and the listeners. Loop 0 accepts and hands each connection to the loop that has the fewest. The caller
/// runs the loops, each on its own thread.
/// </summary>
/// <remarks>
/// One loop accepts for all, rather than one listening socket per loop (SO_REUSEPORT): that exists for TCP only, and it spreads connections by a hash of their
/// addresses, so that four connections on four loops seldom get one each. A connection is handed over once in its life, by one post to its loop, which costs
/// nothing beside its handshake.
/// </remarks>
public sealed class NbdServer
{
    private readonly ServerLoop[] _loops;
    private readonly List<ServerListener> _listeners = [];
    private int _connections;
    private int _nextLoop;
    private bool _refusing;
    private volatile bool _draining;

    /// <summary>A server that serves nobody yet.</summary>
    /// <param name="exports">What it exports; names differ.</param>
    /// <param name="loops">The loops that connections live on, 1 or more; the first one accepts.</param>
    /// <param name="options">Its bounds.</param>
    /// <param name="log">Takes one line per event.</param>
    /// <param name="nodes">The blocks by their IDs, where some were given one; the exports' get theirs here.</param>
    /// <param name="byName">What it exports besides, under whatever names clients ask for; null for nothing.</param>
    public NbdServer(
        IReadOnlyList<NbdExport> exports,
        IReadOnlyList<EventLoop> loops,
        NbdServerOptions options,
        ServerLog log,
        BlockNodes? nodes = null,
        ExportsByName? byName = null)
    {
        ArgumentOutOfRangeException.ThrowIfZero(loops.Count);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.MaxInFlight, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.MaxConnections, 1);
        Exports = exports;
        Options = options;
        Log = log;
        _loops = [.. loops.Select((loop, index) => new ServerLoop(this, loop, index))];
        Nodes = nodes ?? new BlockNodes();
        foreach (NbdExport export in exports)
        {
            Nodes.AddExport(export.Name, export.Graph);
        }

        ThreadModels.ShareTurns(Nodes.Exports);
        Drains = new BlockDrains(Nodes, [.. _loops.Select(loop => loop.Blocks)]);
        Changes = new GraphChanges(Nodes, Drains);
        Observer = new GraphObserver(Nodes, Drains);
        ByName = byName;
        byName?.Attach(Nodes, Drains, Changes);
    }

    /// <summary>What it exports, and lists.</summary>
    public IReadOnlyList<NbdExport> Exports { get; }

    /// <summary>What it exports under whatever names clients ask for, and does not list; null for nothing.</summary>
    public ExportsByName? ByName { get; }

    /// <summary>All exports that there are now, those among them that a client has named. Any thread.</summary>
    public IReadOnlyList<NbdExport> LiveExports => ByName is null ? Exports : [.. Exports, .. ByName.Live];

    /// <summary>The blocks of all exports, by their IDs.</summary>
    public BlockNodes Nodes { get; }

    /// <summary>Drains parts of the graph, or all of it, while the server serves.</summary>
    public BlockDrains Drains { get; }

    /// <summary>Changes the graph while the server serves.</summary>
    public GraphChanges Changes { get; }

    /// <summary>Begins to copy a node's bytes to a new chain while the node serves; it takes the node's place in the end.</summary>
    /// <param name="node">The ID of the node.</param>
    /// <param name="chain">The chain, of the same size.</param>
    /// <param name="newId">The ID that its first block gets; null to make one up from the node's.</param>
    /// <exception cref="BlockException">Through the task: it cannot be; the message is one line.</exception>
    public Task<BlockCopy> CopyAsync(string node, string chain, string? newId = null) =>
        BlockCopy.StartAsync(Nodes, Drains, Changes, _loops[0].Blocks, node, chain, newId);

    /// <summary>Counts and times what goes through the graph, for a while.</summary>
    public GraphObserver Observer { get; }

    /// <summary>Its bounds.</summary>
    public NbdServerOptions Options { get; }

    /// <summary>What it keeps for each loop, in the order given.</summary>
    public IReadOnlyList<ServerLoop> Loops => _loops;

    /// <summary>Connections now, on all loops. Any thread may ask.</summary>
    public int Connections => Volatile.Read(ref _connections);

    internal ServerLog Log { get; }

    internal bool IsDraining => _draining;

    /// <summary>Accepts on a socket. On the thread of the first loop, or before it runs.</summary>
    /// <param name="fd">A listening socket (<see cref="Sockets.Listen"/>); the server closes it.</param>
    /// <param name="endpoint">Where it listens.</param>
    public void Listen(int fd, SocketEndpoint endpoint)
    {
        var listener = new ServerListener(this, _loops[0].Loop, fd, endpoint);
        _listeners.Add(listener);
        listener.Start();
    }

    /// <summary>Serves a client over a stream that is already connected. On the thread of the transport's loop, which must be one of the server's.</summary>
    public void Serve(ITransport transport)
    {
        if (Admit())
        {
            ServerLoop loop = LoopOf(transport.Loop);
            loop.Assign();
            loop.Serve(transport);
        }
        else
        {
            transport.Close(new IoOperation(Unheard.Instance));
        }
    }

    /// <summary>
    /// Ends the service: accepts no more, receives no more, finishes and answers what is in flight, and closes; what is not done by the deadline
    /// (<see cref="NbdServerOptions.DrainDeadlineNs"/>) is answered with ESHUTDOWN, and a second later whoever is still there is cut off. Any thread may call
    /// it, once; the loops go on running meanwhile.
    /// </summary>
    /// <returns>True where everything ended within the deadline.</returns>
    public Task<bool> DrainAsync()
    {
        _draining = true;
        var done = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);

        // The accepting loop first: whatever it has handed over by then is posted before the drain, so no loop is told to end before its last connection.
        _loops[0].Loop.Post(() =>
        {
            StopListening();
            DrainLoops(done);
        });
        return done.Task;
    }

    private void DrainLoops(TaskCompletionSource<bool> done)
    {
        int left = _loops.Length;
        int late = 0;
        foreach (ServerLoop loop in _loops)
        {
            loop.Loop.Post(() => loop.Drain(inTime =>
            {
                Interlocked.Add(ref late, inTime ? 0 : 1);
                if (Interlocked.Decrement(ref left) == 0)
                {
                    done.SetResult(late == 0);
                }
            }));
        }
    }

    /// <summary>The listener has accepted: the connection goes to a loop, or is closed because there are too many.</summary>
    internal void OnAccepted(int fd, SocketEndpoint endpoint, long number)
    {
        if (!Admit())
        {
            Sockets.CloseUnused(fd);
            return;
        }

        Sockets.Tune(fd, endpoint.IsUnix);
        string peer = $"client {number} of {(endpoint.IsUnix ? "unix:" : string.Empty)}{endpoint.Text}";
        ServerLoop loop = LeastBusy();
        loop.Assign();
        if (loop.Loop.IsLoopThread)
        {
            loop.Serve(new PlainTransport(loop.Loop, fd, peer));
        }
        else
        {
            loop.Loop.Post(() => loop.Serve(new PlainTransport(loop.Loop, fd, peer)));
        }
    }

    /// <summary>The export of this name, or null.</summary>
    internal NbdExport? FindExport(string name)
    {
        foreach (NbdExport export in Exports)
        {
            if (export.Name == name)
            {
                return export;
            }
        }

        return null;
    }

    internal void OnConnectionEnded() => Interlocked.Decrement(ref _connections);

    private bool Admit()
    {
        if (_draining)
        {
            return false;
        }

        if (Interlocked.Increment(ref _connections) <= Options.MaxConnections)
        {
            _refusing = false;
            return true;
        }

        Interlocked.Decrement(ref _connections);
        if (!_refusing)
        {
            // Once for a burst: whoever knocks in a loop must not fill the log.
            _refusing = true;
            Log.Line($"a client was turned away: {Options.MaxConnections} connections are open, which is the most allowed (--max-connections)");
        }

        return false;
    }

    private ServerLoop LoopOf(EventLoop loop) =>
        Array.Find(_loops, candidate => candidate.Loop == loop) ?? throw new ArgumentException("the transport's loop is none of the server's");

    /// <summary>The loop with the fewest connections; among equals they take turns.</summary>
    private ServerLoop LeastBusy()
    {
        int least = _nextLoop;
        for (int i = 1; i < _loops.Length; i++)
        {
            int candidate = (_nextLoop + i) % _loops.Length;
            least = _loops[candidate].Assigned < _loops[least].Assigned ? candidate : least;
        }

        _nextLoop = (least + 1) % _loops.Length;
        return _loops[least];
    }

    private void StopListening()
    {
        foreach (ServerListener listener in _listeners)
        {
            listener.Stop();
        }
    }

    /// <summary>The end of a stream that nobody waits for.</summary>
    private sealed class Unheard : IIoHandler
    {
        public static readonly Unheard Instance = new();

        public void OnCompleted(IoOperation operation, int result)
        {
        }
    }
}
