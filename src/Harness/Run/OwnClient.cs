using System.Globalization;
using System.Text.Json;
using Harness.Matrix;
using Harness.Results;

namespace Harness.Run;

/// <summary><c>harness load</c> for one cell, or <c>harness rung</c>.</summary>
internal sealed class OwnClient(ChildProcess process, string log) : CellClient(process)
{
    public override string Name => "the load generator";

    public static OwnClient Start(Cell cell, CellSettings settings, ScratchFolder scratch, CellServer server) =>
        Start(cell, settings, scratch, server, settings.Duration, cell.ClientBackend, cell.ClientWait);

    /// <summary>
    /// The same load for a moment, so that a server of ours has compiled all its code before somebody else's client drives it: that client cannot know
    /// when the server has.
    /// </summary>
    public static OwnClient StartWarmup(Cell cell, CellSettings settings, ScratchFolder scratch, CellServer server) =>
        Start(cell, settings, scratch, server, TimeSpan.FromMilliseconds(1), cell.Backend, "block");

    /// <summary>A rung below NBD, the pipe test, or the bare system call.</summary>
    /// <param name="cell">Which.</param>
    /// <param name="settings">For how long.</param>
    /// <param name="scratch">For what it writes.</param>
    /// <param name="server">The answering side; null where there is none.</param>
    public static OwnClient StartRung(Cell cell, CellSettings settings, ScratchFolder scratch, CellServer? server)
    {
        string[] shape = cell.Layer switch
        {
            Vocabulary.Events => ["--backend", cell.Backend, "--variant", cell["variant"], "--pipes", cell["pipes"], "--tokens", cell["tokens"]],
            Vocabulary.Syscall => [],
            _ => ["--depth", cell["depth"]],
        };
        string[] exchange = server is null ? [] :
        [
            server.Uri, "--connections", cell["connections"], "--size", cell["size"], "--wait", cell["wait"],
            .. server.LoadArguments, .. TcpCongestion.Arguments(cell),
        ];
        string[] arguments =
        [
            "rung", cell.Layer, .. exchange, .. shape,
            "--duration", Units.FormatTime(settings.Duration), "--warmup", Units.FormatTime(settings.Warmup), "--json", "-",
        ];
        var process = ChildProcess.Start([.. Pinning.Prefix(settings.Pinning.LoadCpu), .. settings.Program, .. arguments], scratch);
        // A rung knows no single request, so there are no latencies to log.
        return new OwnClient(process, scratch.File("load.hlog"));
    }

    private static OwnClient Start(
        Cell cell, CellSettings settings, ScratchFolder scratch, CellServer server, TimeSpan duration, string backend, string wait)
    {
        var log = scratch.File("load.hlog");
        string[] arguments =
        [
            "load", server.Uri, "--rw", cell["rw"], "--pattern", cell["pattern"], "--size", cell["size"],
            "--depth", cell["depth"], "--connections", cell["connections"], .. Schedule(cell),
            .. Length(settings, duration), "--warmup", Units.FormatTime(settings.Warmup), "--backend", backend, "--wait", wait,
            .. cell["duplex"] == Vocabulary.Duplexes[0] ? Array.Empty<string>() : ["--duplex", cell["duplex"]],
            .. cell["timeline"] == "true" ? ["--timeline"] : Array.Empty<string>(),
            "--seed", settings.Seed.ToString(CultureInfo.InvariantCulture), "--json", "-", "--hlog", log,
            .. settings.HlogInterval is { } interval ? ["--hlog-interval", Units.FormatTime(interval)] : Array.Empty<string>(),
            .. server.LoadArguments, .. TcpCongestion.Arguments(cell),
        ];
        int[] cpus = [.. settings.Pinning.LoadCpus(cell.ClientThreads, cell.Loops)];
        return new OwnClient(ChildProcess.Start([.. Pinning.Prefix(cpus), .. settings.Program, .. arguments], scratch), log);
    }

    protected override CellOutcome Figures()
    {
        try
        {
            return JsonSerializer.Deserialize(Process.Output, ResultsJson.Line.LoadResult) is { } result
                ? Of(result, log)
                : CellOutcome.Failed("the load generator printed no result");
        }
        catch (JsonException e)
        {
            return CellOutcome.Failed($"the load generator's result cannot be read: {OneLine.Of(e.Message)}");
        }
    }

    // A schedule has a length in time; the warm-up for a peer's client measures nothing.
    private static string[] Length(CellSettings settings, TimeSpan duration) => settings.Ops is { } ops && duration == settings.Duration
        ? ["--ops", ops.ToString(CultureInfo.InvariantCulture)]
        : ["--duration", Units.FormatTime(duration)];

    private static string[] Schedule(Cell cell) => cell.IsOpenLoop ? ["--rate", cell["rate"], "--arrivals", cell["arrivals"]] : [];
}
