using Harness.Io;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>A server in a simulated world: one loop on the test's thread, clients in memory, and a clock that moves only when it is told to.</summary>
internal sealed class SimulatedServer : IDisposable
{
    private readonly SimulatedBackend _backend = new();
    private readonly List<SimulatedTransport> _clients = [];

    public SimulatedServer(IBlock block, NbdServerOptions? options = null, bool readOnly = false)
    {
        Loop = new EventLoop(_backend);
        Graph = new BlockGraph(block, readOnly);
        Server = new NbdServer(
            [new NbdExport("disk", Graph, "a test disk"), new NbdExport("other", new BlockGraph(new NullStore(1 << 20)))],
            [Loop],
            options ?? new NbdServerOptions(),
            new ServerLog(Log.Add));
    }

    public EventLoop Loop { get; }

    public NbdServer Server { get; }

    public BlockGraph Graph { get; }

    public List<string> Log { get; } = [];

    public ServerLoop ServerLoop => Server.Loops[0];

    public SimulatedTransport Connect(Cuts? cuts = null)
    {
        var client = new SimulatedTransport(Loop, cuts ?? Cuts.None, $"client {_clients.Count + 1}");
        _clients.Add(client);
        Server.Serve(client);
        return client;
    }

    /// <summary>A client that is through the handshake; what it was sent in it is forgotten.</summary>
    public SimulatedTransport Enter(Cuts? cuts = null)
    {
        SimulatedTransport client = Connect(cuts);
        client.Write(Wire.Flags());
        client.Write(Wire.Go("disk"));
        Settle();
        client.Forget();
        return client;
    }

    /// <summary>Runs turns until nothing more happens by itself. No time passes.</summary>
    public void Settle()
    {
        for (int quiet = 0; quiet < 3; quiet++)
        {
            long before = Activity();
            RunTurn();
            quiet = Activity() == before ? quiet : -1;
        }
    }

    /// <summary>Lets time pass, then settles.</summary>
    public void Advance(TimeSpan time)
    {
        _backend.Advance(time);
        Settle();
    }

    /// <summary>Runs turns, sleeping for other threads, until the condition holds.</summary>
    public void RunUntil(Func<bool> condition)
    {
        while (!condition())
        {
            Loop.RunOnce();
        }
    }

    /// <summary>Every request, buffer, chunk and connection has been given back.</summary>
    public void AssertNothingLeft(string when)
    {
        Assert.True(ServerLoop.Connections == 0, $"{when}: {ServerLoop.Connections} connections are left");
        Assert.True(Server.Connections == 0, $"{when}: the server still counts {Server.Connections} connections");
        Assert.True(ServerLoop.Blocks.RequestsInUse == 0, $"{when}: {ServerLoop.Blocks.RequestsInUse} requests are left");
        Assert.True(ServerLoop.Blocks.Buffers.InUse == 0, $"{when}: {ServerLoop.Blocks.Buffers.InUse} buffers are left");
        Assert.True(ServerLoop.ChunksInUse == 0, $"{when}: {ServerLoop.ChunksInUse} chunks are left");
        Assert.True(Graph.InFlightOn(ServerLoop.Blocks).Count == 0, $"{when}: the graph counts {Graph.InFlightOn(ServerLoop.Blocks).Count} in flight");
        Assert.True(Loop.PendingOperations == 0, $"{when}: {Loop.PendingOperations} operations are pending");
        Assert.All(_clients, client => Assert.True(client.IsClosed, $"{when}: a transport is open"));
    }

    public void Dispose()
    {
        ServerLoop.Dispose();
        Graph.Dispose();
        Loop.Dispose();
    }

    private long Activity() => Loop.PendingOperations + ServerLoop.Requests + _clients.Sum(client => client.Completions);

    private void RunTurn()
    {
        // With work posted the loop does not sleep, so the clock stands still.
        Loop.Post(() => { });
        Loop.RunOnce();
    }
}
