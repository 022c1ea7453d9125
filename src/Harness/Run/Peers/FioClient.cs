using System.Text.Json;
using Harness.Matrix;
using Harness.Results;

namespace Harness.Run;

/// <summary>fio(1) for one cell: a client that is neither ours nor the server's.</summary>
internal sealed class FioClient : CellClient
{
    // From the end of fio's jobs to the time that it writes into its result: it looks for their end every 10 ms, then joins their threads.
    private static readonly TimeSpan s_endMargin = TimeSpan.FromMilliseconds(60);

    private static readonly TimeSpan s_endPatience = TimeSpan.FromSeconds(5);

    private readonly ServerSamples _samples;
    private readonly string _output;
    private readonly string _log;

    private FioClient(ChildProcess process, PeerFacts facts, ServerSamples samples, string output, string log)
        : base(process)
    {
        Peer = facts;
        _samples = samples;
        _output = output;
        _log = log;
    }

    public override string Name => "fio";

    public override PeerFacts Peer { get; }

    public static FioClient Start(Cell cell, CellSettings settings, ScratchFolder scratch, CellServer server)
    {
        var output = scratch.File("fio.json");
        var launch = new PeerLaunch(FioArguments.For(cell, settings, server.Uri, output), server.Uri);
        var facts = PeerVersion.Facts("fio", "--version", launch.Command, config: null);
        var process = ChildProcess.Start([.. Pinning.Prefix(settings.Pinning.LoadCpu), .. PeerGuard.Command(launch, scratch, file: null)], scratch);
        return new FioClient(process, facts, server.StartSampling(Plan(settings)), output, scratch.File("load.hlog"));
    }

    public override void Dispose()
    {
        _samples.Dispose();
        Process.EndByInput(s_endPatience);
        base.Dispose();
    }

    protected override CellOutcome Figures()
    {
        try
        {
            var result = FioResult.Read(_output);
            var load = result.Load;
            if (load.Ops > 0)
            {
                var from = result.Ended - TimeSpan.FromSeconds(load.Seconds);
                var served = _samples.Within(from, result.Ended - s_endMargin, load.Iops);
                load = load with { Server = served?.Costs, Explain = served?.Explained is { } server ? new Explanation { Server = server } : null };
                result.WriteLog(_log);
            }
            return Of(load, _log);
        }
        catch (Exception e) when (e is JsonException or IOException or FormatException or KeyNotFoundException or InvalidOperationException)
        {
            return CellOutcome.Failed($"fio's result cannot be read: {OneLine.Of(e.Message)}");
        }
    }

    // fio's own start comes before its ramp, so nothing that is read earlier can lie in the measured part. A longer ramp than this is read too: what reads is
    // code of the server's, which is to be compiled before the measured part.
    private static SamplingPlan Plan(CellSettings settings) =>
        new(settings.Warmup, TimeSpan.FromMilliseconds(Math.Clamp(settings.Duration.TotalMilliseconds / 10, 10, 200)));
}
