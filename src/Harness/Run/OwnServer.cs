using System.Globalization;
using Harness.Ladder;
using Harness.Load;
using Harness.Matrix;
using Harness.Results;

namespace Harness.Run;

/// <summary><c>harness serve</c> for one cell, or the answering side of a bare exchange.</summary>
/// <param name="process">The process.</param>
/// <param name="control">Where it tells its counters; null where it has none.</param>
/// <param name="name">What it is called in a line about it.</param>
internal sealed class OwnServer(ChildProcess process, string? control, string name = "the server") : CellServer(process)
{
    private string _uri = "";
    private CellStore? _store;

    public override string Name => name;

    public override string Uri => _uri;

    public override CellServer? Behind => _store?.Behind;

    public override IReadOnlyList<string> LoadArguments =>
        control is null ? ["--server-pid", Process.Id.ToString(CultureInfo.InvariantCulture)] : ["--server-control", control];

    /// <summary><c>harness rung answer</c>.</summary>
    public static OwnServer StartAnswering(Cell cell, CellSettings settings, ScratchFolder scratch)
    {
        string[] arguments =
        [
            "rung", RungOptions.Answer, Endpoint.For(cell["transport"], scratch),
            "--connections", cell["connections"], "--size", cell["size"], "--wait", cell["wait"], .. TcpCongestion.Arguments(cell),
        ];
        return new OwnServer(ChildProcess.Start([.. Pinning.Prefix(settings.Pinning.ServerCpu), .. settings.Program, .. arguments], scratch), control: null);
    }

    /// <summary><c>harness serve</c>, with what the cell's chain asks to be made.</summary>
    /// <exception cref="HarnessException">That cannot be made, or there is no such program.</exception>
    public static async Task<OwnServer> StartAsync(Cell cell, CellSettings settings, ScratchFolder scratch, CancellationToken cancel)
    {
        var store = await CellStore.MakeAsync(cell, settings, scratch, cancel);
        try
        {
            return Start(cell, settings, [.. settings.Pinning.ServerCpus(cell.Loops)], scratch, store.Chain, "the server", store);
        }
        catch
        {
            store.Dispose();
            throw;
        }
    }

    /// <summary><c>harness serve</c>.</summary>
    /// <param name="cell">How.</param>
    /// <param name="settings">Of the run.</param>
    /// <param name="cpus">The CPUs that it may use; none for all.</param>
    /// <param name="scratch">For its socket.</param>
    /// <param name="chain">What it serves.</param>
    /// <param name="name">What it is called in a line about it.</param>
    /// <param name="store">What it serves from, which goes when it goes.</param>
    public static OwnServer Start(Cell cell, CellSettings settings, int[] cpus, ScratchFolder scratch, string chain, string name, CellStore? store = null)
    {
        var control = scratch.File("control");
        string[] arguments =
        [
            "serve", "--block", chain, "--listen", Endpoint.For(cell["transport"], scratch),
            "--backend", cell.Backend, "--wait", cell["wait"], "--loops", cell["loops"],
            "--max-connections", MaxConnections(cell), "--max-in-flight", cell["max_in_flight"],
            .. cell["gather"] == Axis.DefaultGather ? Array.Empty<string>() : ["--gather", cell["gather"]],
            .. cell["fill"] == "true" || WouldBeHoles(cell) ? ["--fill"] : Array.Empty<string>(), "--control", control, .. TcpCongestion.Arguments(cell),
        ];
        var process = ChildProcess.Start([.. Pinning.Prefix(cpus), .. settings.Program, .. arguments], scratch);
        return new OwnServer(process, control, name) { _store = store };
    }

    /// <summary>Why a cell with our server cannot run, in one line; null where it may.</summary>
    public static string? Refusal(Cell cell) => cell.HasOurServer ? MadeStore.In(cell["block"])?.Refusal(cell, Environment.ProcessorCount) : null;

    public override void Dispose()
    {
        base.Dispose();
        _store?.Dispose();
    }

    /// <summary>
    /// Other people's clients ask for structured replies, in which what was never written is told as a hole and not sent. They are to move the data that ours
    /// does, and that they get from peers.
    /// </summary>
    private static bool WouldBeHoles(Cell cell)
    {
        bool hasHoles = cell["block"].StartsWith("memory:", StringComparison.Ordinal) || MadeStore.In(cell["block"]) is not null;
        return hasHoles && !cell.HasOurClient && cell["rw"] != "write";
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

    public override ServerSamples StartSampling(SamplingPlan plan) => ServerSamples.OfCounters(control!, plan);

    /// <summary>Has its counters read until that compiles nothing any more: for a client beside which they are read over and over.</summary>
    public void SettleReading()
    {
        try
        {
            using var costs = new ServerCosts(control!);
            costs.Settle();
        }
        catch (HarnessException)
        {
            // It is gone, which is for those to report who wait for its end.
        }
    }
}
