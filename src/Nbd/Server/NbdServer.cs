using Harness.Io;

namespace Harness.Nbd;

/// <summary>
/// An NBD server: exports, the loops that serve them, and the listeners. Loop 0 accepts, and connections go to the loops in turn. The caller runs the
/// loops, each on its own thread.
/// </summary>
public sealed class NbdServer
{
    private readonly ServerLoop[] _loops;
    private readonly List<ServerListener> _listeners = [];
    private int _connections;
    private uint _nextLoop;
    private bool _refusing;
    private volatile bool _draining;

    /// <summary>A server that serves nobody yet.</summary>
    /// <param name="exports">What it exports; names differ.</param>
    /// <param name="loops">The loops that connections live on, 1 or more; the first one accepts.</param>
    /// <param name="options">Its bounds.</param>
    /// <param name="log">Takes one line per event.</param>
    public NbdServer(IReadOnlyList<NbdExport> exports, IReadOnlyList<EventLoop> loops, NbdServerOptions options, ServerLog log)
    {
        ArgumentOutOfRangeException.ThrowIfZero(loops.Count);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.MaxInFlight, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.MaxConnections, 1);
        Exports = exports;
        Options = options;
        Log = log;
        _loops = [.. loops.Select((loop, index) => new ServerLoop(this, loop, index))];
    }

    /// <summary>What it exports.</summary>
    public IReadOnlyList<NbdExport> Exports { get; }

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
            LoopOf(transport.Loop).Serve(transport);
        }
        else
        {
            transport.Close(new IoOperation(Unheard.Instance));
        }
    }

    /// <summary>
    /// Ends the service: accepts no more, receives no more, finishes and answers what is in flight, and closes; what is not done by the deadline
    /// (<see cref="NbdServerOptions.DrainDeadlineNs"/>) is cut off. Any thread may call it, once; the loops go on running meanwhile.
    /// </summary>
    /// <returns>True where everything ended within the deadline.</returns>
    public Task<bool> DrainAsync()
    {
        _draining = true;
        var done = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        int left = _loops.Length;
        int late = 0;
        foreach (ServerLoop loop in _loops)
        {
            loop.Loop.Post(() =>
            {
                if (loop == _loops[0])
                {
                    StopListening();
                }

                loop.Drain(inTime =>
                {
                    Interlocked.Add(ref late, inTime ? 0 : 1);
                    if (Interlocked.Decrement(ref left) == 0)
                    {
                        done.SetResult(late == 0);
                    }
                });
            });
        }

        return done.Task;
    }

    /// <summary>The listener has accepted: the connection goes to the next loop, or is closed because there are too many.</summary>
    internal void OnAccepted(int fd, SocketEndpoint endpoint, long number)
    {
        if (!Admit())
        {
            Sockets.CloseUnused(fd);
            return;
        }

        Sockets.Tune(fd, endpoint.IsUnix);
        string peer = $"client {number} of {(endpoint.IsUnix ? "unix:" : string.Empty)}{endpoint.Text}";
        ServerLoop loop = _loops[_nextLoop++ % (uint)_loops.Length];
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
