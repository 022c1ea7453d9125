using Harness.Io;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>A session over streams in memory to a server on the same loop, with simulated time: each connection may break at a byte of its own.</summary>
internal sealed class SessionWorld : INbdSessionHandler, IDisposable
{
    private readonly SimulatedServer _server;

    /// <param name="block">What is served.</param>
    /// <param name="options">Of the session; the export is <c>disk</c>.</param>
    /// <param name="pipe">Makes the stream of a connection, by its number from 0.</param>
    public SessionWorld(IBlock block, NbdSessionOptions options, Func<EventLoop, int, CutPipe> pipe)
    {
        _server = new SimulatedServer(block);
        Session = new NbdSession(_server.Loop, options with { Client = options.Client with { ExportName = "disk", HandshakeTimeoutNs = 0 } }, this, handler =>
        {
            if (!IsUp)
            {
                _server.Loop.Post(() => handler.OnConnectFailed(111, "server: nobody listens here"));
                return null;
            }

            CutPipe stream = pipe(_server.Loop, Connections++);
            _server.Server.Serve(stream.Server);
            handler.OnConnected(stream.Client);
            return null;
        });
    }

    public NbdSession Session { get; }

    /// <summary>False where nobody listens.</summary>
    public bool IsUp { get; set; } = true;

    public int Connections { get; private set; }

    public int Ready { get; private set; }

    public int Lost { get; private set; }

    public int Restored { get; private set; }

    public int Closed { get; private set; }

    public int Error { get; private set; } = -1;

    public string Reason { get; private set; } = string.Empty;

    public long NowNs => _server.Loop.NowNs;

    public void OnReady(NbdSession session) => Ready++;

    public void OnLost(NbdSession session, int error, string reason)
    {
        Assert.True(error > 0 && reason.Length > 0);
        Lost++;
    }

    public void OnRestored(NbdSession session) => Restored++;

    public void OnClosed(NbdSession session, int error, string reason)
    {
        Closed++;
        (Error, Reason) = (error, reason);
    }

    public void RunUntil(Func<bool> condition, string what)
    {
        for (long turns = 0; !condition(); turns++)
        {
            if (turns == 2_000_000)
            {
                Assert.Fail($"nothing more happens until {what}");
            }

            _server.Loop.RunOnce();
        }
    }

    /// <summary>Hangs up on every client, as a server does that was killed; it may be connected to again.</summary>
    public void Kill(IEnumerable<CutPipe> streams)
    {
        foreach (CutPipe stream in streams)
        {
            stream.Server.Close(new IoOperation(new Nobody()));
        }
    }

    public ScriptedRequest Submit(NbdCommand command, ulong offset = 0, uint length = 0, NbdCommandFlags flags = 0)
    {
        var request = new ScriptedRequest(command, offset, length);
        request.Request.Flags = flags;
        Session.Submit(request.Request);
        return request;
    }

    public void Dispose()
    {
        if (Closed == 0)
        {
            Session.Drop(32, "the test is over");
            RunUntil(() => Closed == 1, "it is closed");
        }

        _server.Settle();
        _server.Dispose();
    }

    private sealed class Nobody : IIoHandler
    {
        public void OnCompleted(IoOperation operation, int result)
        {
        }
    }
}
