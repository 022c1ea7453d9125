using System.Globalization;
using Harness.Load;
using Harness.Matrix;
using Harness.Results;

namespace Harness.Run;

/// <summary>
/// nbdcopy(1), or our own <c>copy</c>, for one cell: it reads the export once, however long that takes, and has no latencies to tell. Its own start and its
/// connecting are in its time, so the export should be large enough for a second or more.
/// </summary>
internal sealed class NbdcopyClient : CellClient
{
    // It connects before it reads, and ends its process after.
    private static readonly TimeSpan s_margin = TimeSpan.FromMilliseconds(50);

    private static readonly TimeSpan s_endPatience = TimeSpan.FromSeconds(5);

    private readonly Cell _cell;
    private readonly ServerSamples _samples;
    private readonly string _output;

    private NbdcopyClient(ChildProcess process, Cell cell, PeerFacts? facts, ServerSamples samples, string output)
        : base(process)
    {
        Peer = facts;
        _cell = cell;
        _samples = samples;
        _output = output;
    }

    public override string Name => _cell["client"];

    public override PeerFacts? Peer { get; }

    public static NbdcopyClient Start(Cell cell, CellSettings settings, ScratchFolder scratch, CellServer server)
    {
        var output = scratch.File("nbdcopy.times");
        var launch = new PeerLaunch(NbdcopyArguments.For(cell, settings.Program, server.Uri, output), server.Uri);
        PeerFacts? facts = cell["client"] == Vocabulary.Copy ? null
            : PeerVersion.Facts("nbdcopy", "--version", [.. launch.Command.SkipWhile(word => word != "nbdcopy")], config: null);
        var process = ChildProcess.Start([.. Pinning.Prefix(settings.Pinning.LoadCpu), .. PeerGuard.Command(launch, scratch, file: null)], scratch);
        var plan = new SamplingPlan(s_margin, TimeSpan.FromMilliseconds(20));
        return new NbdcopyClient(process, cell, facts, server.StartSampling(plan), output);
    }

    public override void Dispose()
    {
        _samples.Dispose();
        Process.EndByInput(s_endPatience);
        base.Dispose();
    }

    protected override CellOutcome Figures()
    {
        string[] times = File.ReadAllText(_output).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        if (times.Length != 3 || !times.All(time => double.TryParse(time, CultureInfo.InvariantCulture, out _)))
        {
            return CellOutcome.Failed($"{Name}'s times cannot be read: {OneLine.Of(string.Join(' ', times))}");
        }

        double[] seconds = [.. times.Select(time => double.Parse(time, CultureInfo.InvariantCulture))];
        return Of(Result(seconds[0], seconds[1] + seconds[2], new DateTimeOffset(File.GetLastWriteTimeUtc(_output))), log: "");
    }

    private LoadResult Result(double seconds, double cpuSeconds, DateTimeOffset ended)
    {
        long ops = NbdcopyArguments.Operations(_cell);
        double iops = seconds > 0 ? ops / seconds : 0;
        ServerFigures? served = _samples.Within(ended - TimeSpan.FromSeconds(seconds) + s_margin, ended - s_margin, iops);
        return new LoadResult
        {
            Ops = ops,
            Errors = 0,
            FirstError = null,
            Seconds = seconds,
            WarmupSeconds = null,
            Iops = iops,
            BytesPerSecond = seconds > 0 ? PeerExport.Of(_cell["block"])!.Size / seconds : 0,
            Backend = null,
            Wait = null,
            Arrivals = "closed",
            Client = new SideCosts { CpuUsPerOp = cpuSeconds > 0 ? cpuSeconds * 1e6 / ops : null },
            Server = served?.Costs,
            Explain = served?.Explained is { } server ? new Explanation { Server = server } : null,
        };
    }
}
