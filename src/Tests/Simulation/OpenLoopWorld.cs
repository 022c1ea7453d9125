using Harness.Io;
using Harness.Load;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>
/// The load generator and a server in one simulated world, with a store whose times the test decides. The clock moves only when the loop would sleep, so
/// every latency is exactly what the store and the schedule make it.
/// </summary>
internal sealed class OpenLoopWorld : IDisposable
{
    private readonly SimulatedServer _server;
    private readonly LoadSession _session;
    private readonly List<SimulatedPipe> _pipes = [];

    /// <param name="options">Which load; the export has 1 MiB.</param>
    /// <param name="completesAtNs">When the store completes a request that comes at this time; asked once per request, in their order.</param>
    public OpenLoopWorld(LoadOptions options, Func<long, long> completesAtNs)
    {
        _server = new SimulatedServer(new TimedBlock(completesAtNs));
        Record = new LoadRecord(options.Rate is not null);
        _session = new LoadSession(_server.Loop, options, Connect, new NbdClientOptions { ExportName = "disk" });
        Assert.True(_session.Connect(), _session.LostReason);
        _session.Prepare(null);
        _session.Record(Record);
    }

    public static LoadOptions Options { get; } = new() { Uri = "nbd://simulated", Backend = "simulated", Wait = "block", RequestBytes = 64 };

    public LoadRecord Record { get; }

    public LoadSession Session => _session;

    public EventLoop Loop => _server.Loop;

    public IReadOnlyList<SimulatedPipe> Pipes => _pipes;

    /// <summary>A measured part; the clock stands at the beginning of a second.</summary>
    public OpenLoopFigures Run(double seconds, double catchUpSeconds = 0, long? ops = null)
    {
        Assert.True(_session.RunPhase(ops, TimeSpan.FromSeconds(seconds), TimeSpan.FromSeconds(catchUpSeconds)), _session.LostReason);
        Assert.Equal(0, _session.Errors);
        return _session.OpenLoopFigures(Record)!.Value;
    }

    public void Dispose()
    {
        _session.Disconnect();
        _session.Dispose();
        _server.Dispose();
    }

    private void Connect(IConnectHandler handler)
    {
        var pipe = new SimulatedPipe(_server.Loop);
        _pipes.Add(pipe);
        _server.Server.Serve(pipe.Server);
        handler.OnConnected(pipe.Client);
    }

    private sealed class TimedBlock(Func<long, long> completesAtNs) : TestBlock
    {
        public override void Start(BlockRequest request)
        {
            EventLoop loop = request.Home.Loop;
            loop.StartTimer(new LoopTimer(new Completion(request)), completesAtNs(loop.NowNs));
        }

        private sealed class Completion(BlockRequest request) : ITimerHandler
        {
            public void OnTimer(LoopTimer timer)
            {
                if (request.Command == NbdCommand.Read)
                {
                    request.AddHole(request.Length);
                }

                request.Complete(0);
            }
        }
    }
}
