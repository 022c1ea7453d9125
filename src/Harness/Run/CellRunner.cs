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

    /// <summary>Operations of a measured part, in place of <see cref="Duration"/>; null measures for that time.</summary>
    public long? Ops { get; init; }

    public required ulong Seed { get; init; }

    /// <summary>How long an interval of the latency log is; null leaves it to the load generator.</summary>
    public TimeSpan? HlogInterval { get; init; }

    /// <summary>Whether the client records its timeline in place of measuring.</summary>
    public bool RecordsTimeline { get; init; }

    /// <summary>From the start of a server that has nothing to fill to its <c>ready</c>, and from SIGTERM to its end.</summary>
    public TimeSpan ServerDeadline { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>From the start of the cell's server to its <c>ready</c>: a store may be filled first, and a busy host gives memory slowly.</summary>
    public TimeSpan ReadyDeadline(Cell cell) => ServerDeadline + (BytesToFill(cell["block"]) / (double)(1 << 30) * s_fillGib);

    private static readonly TimeSpan s_fillGib = TimeSpan.FromSeconds(10);

    /// <summary>What the load generator may take beyond warm-up and duration.</summary>
    public TimeSpan LoadGrace { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>A warm-up goes on until tiering has ended.</summary>
    public TimeSpan LongestWarmup => Warmup * Load.Warmup.MaxTimes;

    private static long BytesToFill(string chain) =>
        MadeStore.In(chain) is { Size: var made } ? made : PeerExport.Of(chain) is { IsNull: false, Size: var size } ? size : 0;
}

/// <summary>A fresh server and a fresh load generator for every cell, so that no cell inherits another one's memory, sockets or compiled code.</summary>
/// <param name="settings">How.</param>
/// <param name="tracer">Traces both processes; null, as in every timed round, leaves them alone.</param>
internal sealed class CellRunner(CellSettings settings, ICellTracer? tracer = null) : ICellRunner
{
    private static readonly TimeSpan s_lastWords = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan s_serversEnd = TimeSpan.FromMilliseconds(500);

    private ScratchFolder? _scratch;

    public async Task<CellOutcome> RunAsync(Cell cell, CancellationToken cancel)
    {
        // The last cell's log has been read by now.
        _scratch?.Dispose();
        _scratch = new ScratchFolder();
        try
        {
            // Stopped when both processes are gone: the kernel tells what children used only when they have been waited for.
            var watch = new CpuWatch(settings.Pinning.Cpus(cell.Loops, cell.ClientThreads, MadeStore.In(cell["block"]) is { IsServer: true }));
            var (outcome, strayCpuUs) = await MeasureAsync(cell, _scratch, cancel);
            return outcome with { Disturbance = watch.Stop(strayCpuUs) };
        }
        catch (HarnessException e)
        {
            return CellOutcome.Failed(e.Message);
        }
    }

    public void Dispose() => _scratch?.Dispose();

    private async Task<(CellOutcome Outcome, long StrayCpuUs)> MeasureAsync(Cell cell, ScratchFolder scratch, CancellationToken cancel)
    {
        if (cell.IsAlone)
        {
            using var alone = OwnClient.StartRung(cell, settings, scratch, server: null);
            return (await EndAsync(null, alone, cancel), 0);
        }
        using var server = await StartServerAsync(cell, scratch, cancel);
        if (await server.ReadyAsync(settings.ReadyDeadline(cell), cancel) is { } notReady)
        {
            return (notReady with { ServerPeer = server.Peer }, 0);
        }
        await TraceAsync(ICellTracer.Server, cell.HasOurServer, server.Process, scratch, cancel);
        var (outcome, clientPeer) = await LoadAsync(cell, server, scratch, cancel);
        var strayCpuUs = server.StrayCpuUs;
        var trouble = await StopAsync(server, cancel);
        outcome = trouble is not null && outcome.Status == CellStatus.Ok ? CellOutcome.Failed(trouble) : outcome;
        return (outcome with { ServerPeer = server.Peer, ClientPeer = clientPeer }, strayCpuUs);
    }

    private async Task<CellServer> StartServerAsync(Cell cell, ScratchFolder scratch, CancellationToken cancel) =>
        cell.IsBare ? OwnServer.StartAnswering(cell, settings, scratch)
        : cell.HasOurServer ? await OwnServer.StartAsync(cell, settings, scratch, cancel)
        : PeerProcess.Start(cell, settings, scratch);

    private CellClient StartClient(Cell cell, CellServer server, ScratchFolder scratch) =>
        cell.IsBare ? OwnClient.StartRung(cell, settings, scratch, server)
        : settings.RecordsTimeline ? TimelineClient.Start(cell, settings, scratch, server)
        : cell.HasOurClient ? OwnClient.Start(cell, settings, scratch, server)
        : Peers.StartClient(cell, settings, scratch, server);

    private async Task<(CellOutcome Outcome, PeerFacts? Peer)> LoadAsync(Cell cell, CellServer server, ScratchFolder scratch, CancellationToken cancel)
    {
        if (server is OwnServer ours && !cell.IsBare && !cell.HasOurClient && await WarmUpAsync(cell, ours, scratch, cancel) is { } failed)
        {
            return (failed, null);
        }
        using CellClient client = StartClient(cell, server, scratch);
        await TraceAsync(ICellTracer.Client, cell.HasOurClient, client.Process, scratch, cancel);
        return (await EndAsync(server, client, cancel), client.Peer);
    }

    /// <summary>
    /// Has a server of ours compile its code before somebody else's client drives it, which cannot know when it has: under our own load; under the same client,
    /// where that has no warm-up of its own; and under being asked for its counters.
    /// </summary>
    /// <returns>What failed; null where nothing did.</returns>
    private async Task<CellOutcome?> WarmUpAsync(Cell cell, OwnServer server, ScratchFolder scratch, CancellationToken cancel)
    {
        using (var load = OwnClient.StartWarmup(cell, settings, scratch, server))
        {
            if (await EndAsync(server, load, cancel) is { Status: not CellStatus.Ok } failed)
            {
                return failed;
            }
        }
        if (Peers.ClientHasNoWarmup(cell))
        {
            using var once = StartClient(cell, server, scratch);
            if (await EndAsync(server, once, cancel) is { Status: not CellStatus.Ok } failed)
            {
                return failed;
            }
        }
        await Task.Run(server.SettleReading, cancel).WaitAsync(cancel);
        return null;
    }

    // A peer has no runtime that could tell anything.
    private Task TraceAsync(string side, bool isOurs, ChildProcess process, ScratchFolder scratch, CancellationToken cancel) =>
        tracer is not null && isOurs
            ? tracer.AttachAsync(side, process.Id, () => process.HasExited, scratch.File($"{side}.nettrace"), cancel)
            : Task.CompletedTask;

    /// <summary>Waits for the client's end, in vain where the server, if there is one, ends before it or the time is up.</summary>
    private async Task<CellOutcome> EndAsync(CellServer? server, CellClient client, CancellationToken cancel)
    {
        var limit = settings.LongestWarmup + settings.Duration + settings.LoadGrace;
        var finished = client.Process.WaitAsync(cancel);
        var died = server?.DiedAsync(cancel) ?? Task.Delay(Timeout.Infinite, cancel);
        await Task.WhenAny(finished, died, Task.Delay(limit, cancel));
        cancel.ThrowIfCancellationRequested();
        if (client.Process.HasExited && client.Process.ExitCode != 0)
        {
            // What ended it may be the server's end, which then is what there is to say.
            await Task.WhenAny(died, Task.Delay(s_serversEnd, cancel));
        }
        if (server?.Dead is { } dead)
        {
            // For its last words; not for long, since a child of its own may hold them back.
            await Task.WhenAny(died, Task.Delay(s_lastWords, cancel));
            return CellOutcome.Failed($"{dead.Name} {dead.Process.Ending()} during the measurement");
        }
        if (!client.Process.HasExited)
        {
            return CellOutcome.Failed($"{client.Name} did not end within {Units.FormatTime(limit)}{(client.Process.LastErrorLine is { } line ? $": {line}" : "")}");
        }
        await finished;
        return client.Outcome();
    }

    /// <summary>SIGTERM, and null where the server then ended as it should, and the one behind it after it.</summary>
    private async Task<string?> StopAsync(CellServer server, CancellationToken cancel) =>
        await StopOneAsync(server, cancel) ?? (server.Behind is { } behind ? await StopOneAsync(behind, cancel) : null);

    private async Task<string?> StopOneAsync(CellServer server, CancellationToken cancel)
    {
        if (!server.Process.HasExited)
        {
            await server.Process.TerminateAsync();
        }
        await Task.WhenAny(server.Process.WaitAsync(cancel), Task.Delay(settings.ServerDeadline, cancel));
        cancel.ThrowIfCancellationRequested();
        if (!server.Process.HasExited)
        {
            return $"{server.Name} did not end within {Units.FormatTime(settings.ServerDeadline)} of SIGTERM, and was killed";
        }
        return server.Process.ExitCode == 0 ? null : $"told to stop, {server.Name} {server.Process.Ending()}";
    }
}
