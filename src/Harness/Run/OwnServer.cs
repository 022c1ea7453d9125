using System.Globalization;
using Harness.Matrix;
using Harness.Results;

namespace Harness.Run;

/// <summary><c>harness serve</c> for one cell.</summary>
internal sealed class OwnServer(ChildProcess process, string control) : CellServer(process)
{
    private string _uri = "";

    public override string Name => "the server";

    public override string Uri => _uri;

    public override IReadOnlyList<string> LoadArguments => ["--server-control", control];

    public static OwnServer Start(Cell cell, CellSettings settings, ScratchFolder scratch)
    {
        var control = scratch.File("control");
        string[] arguments =
        [
            "serve", "--block", cell["block"], "--listen", Endpoint.For(cell["transport"], scratch), "--backend", cell.Backend, "--wait", cell["wait"],
            "--loops", cell["loops"], "--max-connections", MaxConnections(cell), "--control", control, .. TcpCongestion.Arguments(cell),
        ];
        return new OwnServer(ChildProcess.Start([.. Pinning.Prefix([.. settings.Pinning.ServerCpus(cell.Loops)]), .. settings.Program, .. arguments], scratch), control);
    }

    // Some to spare: a peer's load generator may ask for the export's size first, over a connection more for each.
    private static string MaxConnections(Cell cell) =>
        (int.Parse(cell["connections"], CultureInfo.InvariantCulture) + 100).ToString(CultureInfo.InvariantCulture);

    public override async Task<CellOutcome?> ReadyAsync(TimeSpan deadline, CancellationToken cancel)
    {
        await Task.WhenAny(Process.FirstLine, Process.WaitAsync(cancel), Task.Delay(deadline, cancel));
        cancel.ThrowIfCancellationRequested();
        if (!Process.FirstLine.IsCompletedSuccessfully)
        {
            // The server knows better than we do that the kernel refuses what its backend needs.
            return Process.HasExited && Process.ExitCode == (int)ExitCode.NothingCouldRun
                ? new CellOutcome(CellStatus.Skipped, Process.LastErrorLine ?? "the server cannot run here", null, null)
                : NotReady(deadline);
        }
        var line = await Process.FirstLine;
        if (!line.StartsWith("ready ", StringComparison.Ordinal))
        {
            return CellOutcome.Failed($"the server printed '{line}' where 'ready URI' was expected");
        }
        _uri = line["ready ".Length..].Trim();
        return null;
    }

    public override ServerSamples StartSampling(SamplingPlan plan) => ServerSamples.OfCounters(control, plan);
}
