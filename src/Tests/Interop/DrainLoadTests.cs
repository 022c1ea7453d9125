using System.Text.Json;
using Harness.Io;
using Harness.Nbd;
using HdrHistogram;
using Microsoft.Win32.SafeHandles;
using Xunit.Abstractions;

namespace Harness.Tests;

/// <summary>
/// Verified load from a process of its own, while the server's graph is drained, let go on and rewired: nothing is lost, nothing is done twice. And gates that
/// lose or double a request that waited are found by the same load.
/// </summary>
public sealed class DrainLoadTests(ITestOutputHelper output)
{
    private const int DiskBytes = 4 << 20;

    public static TheoryData<string> Backends() => [.. TestScale.Pick<IEnumerable<string>>(["epoll", "uring"], LoopBackends.All)];

    [SkippableTheory]
    [MemberData(nameof(Backends))]
    public void A_graph_that_is_rewired_under_load_loses_and_doubles_nothing(string backend)
    {
        int least = TestScale.Pick(20, 1000);
        using var world = new RewiredServer(backend);
        ToolResult load = world.LoadWhileRewiring(backend, TestScale.Pick("2s", "12s"));
        Print(backend, world);
        Assert.True(load.ExitCode == 0, load.ToString());
        using var json = JsonDocument.Parse(load.Output);
        Assert.Equal(0, json.RootElement.GetProperty("errors").GetInt64());
        Assert.True(world.Rewired >= least, $"the graph was rewired {world.Rewired} times only");
        Assert.True(world.End());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_gate_that_loses_or_doubles_a_request_is_found(bool loses)
    {
        using var world = new RewiredServer("epoll");
        world.Server.Drains.MakeGate = (edge, home) => loses ? new LosingGate(edge, home) : new DoublingGate(edge, home, world.Later);
        ToolResult load = world.LoadWhileRewiring("epoll", "2s");
        Assert.True(load.ExitCode == 1, load.ToString());
        Assert.Contains("wrong data at offset", load.Errors, StringComparison.Ordinal);
    }

    private void Print(string backend, RewiredServer world)
    {
        output.WriteLine($"{backend}: rewired {world.Rewired} times; from the begin of a drain to the quiet, in µs:");
        using var text = new StringWriter();
        world.QuietNs.OutputPercentileDistribution(text, percentileTicksPerHalfDistance: 5, outputValueUnitScalingRatio: 1000);
        output.WriteLine(text.ToString());
    }

    /// <summary>Tells the client that a write was done, now and then, that nobody does: a seeded bug.</summary>
    private sealed class LosingGate(BlockEdge edge, BlockLoop home) : EdgeGate(edge, home)
    {
        private int _writes;

        protected override void LetIn(BlockRequest request)
        {
            if (request.Command == NbdCommand.Write && ++_writes % 5 == 0)
            {
                request.HeldAt = null;
                request.Complete(0);
            }
            else
            {
                base.LetIn(request);
            }
        }
    }

    /// <summary>Has a write done once more, later: a seeded bug.</summary>
    private sealed class DoublingGate(BlockEdge edge, BlockLoop home, Action<ulong, byte[]> later) : EdgeGate(edge, home)
    {
        private int _writes;

        protected override void LetIn(BlockRequest request)
        {
            if (request.Command == NbdCommand.Write && ++_writes % 5 == 0)
            {
                later(request.Offset, request.Payload.Span.ToArray());
            }

            base.LetIn(request);
        }
    }

    /// <summary>A disk on a file, which lives on when the store on it is replaced by another, and a script of changes.</summary>
    private sealed class RewiredServer : IDisposable
    {
        private static readonly string[] s_filters =
            ["stats", "delay:read=200us,write=300us", "throttle:requests=100000", "blocksize:minimum=4k", "error:rate=0", "stats/delay:write=100us"];

        private readonly TempDir _folder = new();
        private readonly Queue<(DateTime Due, ulong Offset, byte[] Data)> _later = new();
        private readonly Random _random = new(6);
        private readonly LiveServer _live;
        private readonly SafeFileHandle _file;

        public RewiredServer(string backend)
        {
            _file = File.OpenHandle(_folder.File("disk"), FileMode.Create, FileAccess.ReadWrite, FileShare.ReadWrite, FileOptions.None);
            RandomAccess.SetLength(_file, DiskBytes);
            _live = new LiveServer(backend, loops: 2, Disk);
        }

        public NbdServer Server => _live.Server;

        public int Rewired { get; private set; }

        public LongHistogram QuietNs { get; } = new(60_000_000_000, 3);

        private string Disk => $"file:{_folder.File("disk")}";

        /// <summary>A write that will be done once more half a second from now.</summary>
        public void Later(ulong offset, byte[] data)
        {
            lock (_later)
            {
                _later.Enqueue((DateTime.UtcNow.AddMilliseconds(500), offset, data));
            }
        }

        public ToolResult LoadWhileRewiring(string backend, string duration)
        {
            string connections = TestScale.Pick("4", "8");
            string depth = TestScale.Pick("16", "64");
            string[] load =
            [
                "load", _live.Uri, "--backend", backend, "--rw", "mix:50", "--connections", connections,
                "--depth", depth, "--duration", duration, "--verify", "--json", "-",
            ];
            using var child = Child.Start(HarnessServer.Program, load);
            while (!child.HasExited)
            {
                Rewire();
                Double();
                Thread.Sleep(_random.Next(3));
            }

            int? exitCode = child.WaitForExit(TimeSpan.FromSeconds(30));
            return new ToolResult(child.CommandLine, exitCode ?? -1, child.Output, child.Errors);
        }

        public bool End() => _live.End();

        public void Dispose()
        {
            _live.Dispose();
            _file.Dispose();
            _folder.Dispose();
        }

        private void Rewire()
        {
            switch (_random.Next(8))
            {
                case 0 or 1:
                    Count(Server.Changes.InsertAsync(Any().Id!, s_filters[_random.Next(s_filters.Length)]));
                    break;
                case 2 or 3 when Any() is { Id: not "disk" } filter:
                    Count(Server.Changes.RemoveAsync(filter.Id!));
                    break;
                case 4:
                    Count(Server.Changes.ReplaceAsync("disk", Disk));
                    break;
                case 5 when Server.Nodes.All.Count > 4:
                    Count(Server.Changes.ReparentAsync("export:", "@disk"));
                    break;
                case 6:
                    Hold(Server.Drains.BeginAll(), () => Hold(Server.Drains.Begin(Any()), () => Count(Server.Changes.ReplaceAsync("disk", Disk))));
                    break;
                default:
                    Hold(Server.Drains.Begin(Any()), () => Thread.Sleep(_random.Next(3)));
                    break;
            }
        }

        private BlockNode Any()
        {
            IReadOnlyList<BlockNode> all = Server.Nodes.All;
            return all[_random.Next(all.Count)];
        }

        private void Count(Task<GraphChange> change)
        {
            QuietNs.RecordValue(change.GetAwaiter().GetResult().QuietNs);
            Rewired++;
        }

        private void Hold(DrainSection section, Action inside)
        {
            DrainOutcome outcome = section.Done.GetAwaiter().GetResult();
            Assert.True(outcome.IsQuiet, string.Join('\n', outcome.Report));
            QuietNs.RecordValue(outcome.TookNs);
            inside();
            section.End();
            Rewired++;
        }

        private void Double()
        {
            lock (_later)
            {
                while (_later.TryPeek(out (DateTime Due, ulong Offset, byte[] Data) first) && first.Due < DateTime.UtcNow)
                {
                    _later.Dequeue();
                    RandomAccess.Write(_file, first.Data, (long)first.Offset);
                }
            }
        }
    }
}
