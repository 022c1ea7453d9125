using Harness.Io;
using Harness.Load;
using Harness.Nbd;
using Harness.Timeline;

namespace Harness.Tests;

/// <summary>The load generator before a server whose times are known, in a world whose clock moves only when the loop would sleep.</summary>
internal sealed class TimelineWorld : IDisposable
{
    private readonly EventLoop _loop = new(new SimulatedBackend());
    private readonly PacedServer _server;
    private readonly LoadSession _session;
    private readonly LoadOptions _options;

    public TimelineWorld(LoadOptions options, long headerNs, long middleNs, int entries = 1 << 16)
    {
        _options = options;
        var pipe = new SimulatedPipe(_loop);
        _server = new PacedServer(pipe.Server, headerNs, middleNs);
        _server.Start();
        var client = new NbdClientOptions { HandshakeTimeoutNs = 0, TimelineEntries = entries, HalfDuplex = options.Duplex == Duplex.Half };
        _session = new LoadSession(_loop, options, handler => handler.OnConnected(pipe.Client), client);
        Assert.True(_session.Connect(), _session.LostReason);
        _session.Prepare(null);
        Assert.True(_session.RunPhase(4, TimeSpan.Zero), _session.LostReason);
    }

    public static LoadOptions Reads(int bytes, int depth) =>
        new() { Uri = "nbd://simulated", Backend = "simulated", Wait = "block", RequestBytes = bytes, Depth = depth };

    public Recording Record(int ops)
    {
        ClientTimeline timeline = _session.Client.Timeline!;
        timeline.Clear();
        Assert.True(_session.RunPhase(ops, TimeSpan.Zero), _session.LostReason);
        Assert.Equal(0, _session.Errors);
        double seconds = (_session.LastCompletedNs - _session.StartedNs) / 1e9;
        return Recording.Of(_options.Uri, timeline, _session.StartedNs, _session.Ops, seconds, _options.Duplex);
    }

    public void Dispose()
    {
        _session.Disconnect();
        _session.Dispose();
        while (!_server.IsClosed)
        {
            _loop.RunOnce();
        }

        _server.Dispose();
        _loop.Dispose();
    }
}
