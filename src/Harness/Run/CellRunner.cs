using System.Text.Json;
using Harness.Matrix;
using Harness.Measure;
using Harness.Results;
using Harness.Trace;

namespace Harness.Run;

/// <summary>How cells are measured; the same for all cells of a run.</summary>
internal sealed record CellSettings
{
    /// <summary>The words before the verb, see <see cref="HarnessProgram.Command"/>.</summary>
    public required IReadOnlyList<string> Program { get; init; }

    public required Pinning Pinning { get; init; }
    public required TimeSpan Duration { get; init; }
    public required TimeSpan Warmup { get; init; }
    public required ulong Seed { get; init; }

    /// <summary>How long an interval of the latency log is; null leaves it to the load generator.</summary>
    public TimeSpan? HlogInterval { get; init; }

    /// <summary>From the start of the server to its <c>ready</c>, and from SIGTERM to its end.</summary>
    public TimeSpan ServerDeadline { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>What the load generator may take beyond warm-up and duration.</summary>
    public TimeSpan LoadGrace { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>A warm-up goes on until tiering has ended.</summary>
    public TimeSpan LongestWarmup => Warmup * Load.Warmup.MaxTimes;
}

/// <summary>A fresh server and a fresh load generator for every cell, so that no cell inherits another one's memory, sockets or compiled code.</summary>
/// <param name="settings">How.</param>
/// <param name="tracer">Traces both processes; null, as in every timed round, leaves them alone.</param>
internal sealed class CellRunner(CellSettings settings, ICellTracer? tracer = null) : ICellRunner
{
    private ScratchFolder? _scratch;

    public async Task<CellOutcome> RunAsync(Cell cell, CancellationToken cancel)
    {
        // The last cell's log has been read by now.
        _scratch?.Dispose();
        _scratch = new ScratchFolder();
        try
        {
            // Stopped when both processes are gone: the kernel tells what children used only when they have been waited for.
            var watch = new CpuWatch(settings.Pinning.Cpus);
            var outcome = await MeasureAsync(cell, _scratch, cancel);
            return outcome with { Disturbance = watch.Stop() };
        }
        catch (HarnessException e)
        {
            return CellOutcome.Failed(e.Message);
        }
    }

    public void Dispose() => _scratch?.Dispose();

    private async Task<CellOutcome> MeasureAsync(Cell cell, ScratchFolder scratch, CancellationToken cancel)
    {
        using var server = ChildProcess.Start([.. Pinning.Prefix(settings.Pinning.ServerCpu), .. settings.Program, .. ServeArguments(cell, scratch)], scratch);
        var uri = await ReadyAsync(server, cancel);
        if (uri is null)
        {
            return NotReady(server);
        }
        await TraceAsync(ICellTracer.Server, server, scratch, cancel);
        using var load = ChildProcess.Start([.. Pinning.Prefix(settings.Pinning.LoadCpu), .. settings.Program, .. LoadArguments(cell, scratch, uri)], scratch);
        await TraceAsync(ICellTracer.Client, load, scratch, cancel);
        var outcome = await LoadOutcomeAsync(server, load, scratch, cancel);
        return await StopAsync(server, cancel) is { } trouble && outcome.Status == CellStatus.Ok ? CellOutcome.Failed(trouble) : outcome;
    }

    private Task TraceAsync(string side, ChildProcess child, ScratchFolder scratch, CancellationToken cancel) =>
        tracer?.AttachAsync(side, child.Id, () => child.HasExited, scratch.File($"{side}.nettrace"), cancel) ?? Task.CompletedTask;

    /// <summary>The URI after the server's <c>ready</c>; null where it ended or said nothing in time.</summary>
    private async Task<string?> ReadyAsync(ChildProcess server, CancellationToken cancel)
    {
        var exited = server.WaitAsync(cancel);
        await Task.WhenAny(server.FirstLine, exited, Task.Delay(settings.ServerDeadline, cancel));
        cancel.ThrowIfCancellationRequested();
        if (!server.FirstLine.IsCompletedSuccessfully)
        {
            return null;
        }
        var line = await server.FirstLine;
        return line.StartsWith("ready ", StringComparison.Ordinal)
            ? line["ready ".Length..].Trim()
            : throw new HarnessException(ExitCode.Failed, $"the server printed '{line}' where 'ready URI' was expected");
    }

    private CellOutcome NotReady(ChildProcess server)
    {
        if (!server.HasExited)
        {
            return CellOutcome.Failed($"the server was not ready within {Units.FormatTime(settings.ServerDeadline)}{(server.LastErrorLine is { } line ? $": {line}" : "")}");
        }
        // The server knows better than we do that the kernel refuses what its backend needs.
        return server.ExitCode == (int)ExitCode.NothingCouldRun
            ? new CellOutcome(CellStatus.Skipped, server.LastErrorLine ?? "the server cannot run here", null, null)
            : CellOutcome.Failed($"the server {server.Ending()}");
    }

    private async Task<CellOutcome> LoadOutcomeAsync(ChildProcess server, ChildProcess load, ScratchFolder scratch, CancellationToken cancel)
    {
        var limit = settings.LongestWarmup + settings.Duration + settings.LoadGrace;
        var finished = load.WaitAsync(cancel);
        var died = server.WaitAsync(cancel);
        await Task.WhenAny(finished, died, Task.Delay(limit, cancel));
        cancel.ThrowIfCancellationRequested();
        if (server.HasExited)
        {
            return CellOutcome.Failed($"the server {server.Ending()} during the measurement");
        }
        if (!load.HasExited)
        {
            return CellOutcome.Failed($"the load generator did not end within {Units.FormatTime(limit)}{(load.LastErrorLine is { } line ? $": {line}" : "")}");
        }
        await finished;
        if (load.ExitCode == (int)ExitCode.NothingCouldRun)
        {
            return new CellOutcome(CellStatus.Skipped, load.LastErrorLine ?? "the load generator cannot run here", null, null);
        }
        return load.ExitCode == 0 ? Figures(load, scratch) : CellOutcome.Failed($"the load generator {load.Ending()}");
    }

    private static CellOutcome Figures(ChildProcess load, ScratchFolder scratch)
    {
        LoadResult? result;
        try
        {
            result = JsonSerializer.Deserialize(load.Output, ResultsJson.Line.LoadResult);
        }
        catch (JsonException e)
        {
            return CellOutcome.Failed($"the load generator's result cannot be read: {OneLine.Of(e.Message)}");
        }
        var log = scratch.File("load.hlog");
        return result switch
        {
            null => CellOutcome.Failed("the load generator printed no result"),
            { Errors: > 0 } => new CellOutcome(CellStatus.Failed, $"{result.Errors} operations failed{(result.FirstError is { } first ? $"; the first: {first}" : "")}", result, null),
            _ => new CellOutcome(CellStatus.Ok, null, result, File.Exists(log) ? log : null),
        };
    }

    /// <summary>SIGTERM, and null where the server then ended as it should.</summary>
    private async Task<string?> StopAsync(ChildProcess server, CancellationToken cancel)
    {
        if (!server.HasExited)
        {
            await server.TerminateAsync();
        }
        await Task.WhenAny(server.WaitAsync(cancel), Task.Delay(settings.ServerDeadline, cancel));
        cancel.ThrowIfCancellationRequested();
        if (!server.HasExited)
        {
            return $"the server did not end within {Units.FormatTime(settings.ServerDeadline)} of SIGTERM, and was killed";
        }
        return server.ExitCode == 0 ? null : $"told to stop, the server {server.Ending()}";
    }

    private static string[] ServeArguments(Cell cell, ScratchFolder scratch) =>
    [
        "serve", "--block", cell["block"], "--listen", Endpoint.For(cell["transport"], scratch), "--backend", cell.Backend, "--wait", cell["wait"],
        "--control", scratch.File("control"), .. CongestionControl(cell),
    ];

    private static string[] ScheduleArguments(Cell cell) => cell.IsOpenLoop ? ["--rate", cell["rate"], "--arrivals", cell["arrivals"]] : [];

    private string[] LoadArguments(Cell cell, ScratchFolder scratch, string uri) =>
    [
        "load", uri, "--rw", cell["rw"], "--pattern", cell["pattern"], "--size", cell["size"], "--depth", cell["depth"], "--connections", cell["connections"],
        .. ScheduleArguments(cell),
        "--duration", Units.FormatTime(settings.Duration), "--warmup", Units.FormatTime(settings.Warmup), "--backend", cell.Backend, "--wait", cell["wait"],
        "--seed", settings.Seed.ToString(System.Globalization.CultureInfo.InvariantCulture), "--json", "-", "--hlog", scratch.File("load.hlog"),
        .. settings.HlogInterval is { } interval ? ["--hlog-interval", Units.FormatTime(interval)] : Array.Empty<string>(),
        "--server-control", scratch.File("control"), .. CongestionControl(cell),
    ];

    private static string[] CongestionControl(Cell cell) => cell["transport"] == "unix" ? [] : ["--tcp-congestion", TcpCongestion.Forced];
}
