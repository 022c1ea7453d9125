using System.Globalization;
using Harness.Matrix;
using Harness.Measure;
using Harness.Results;

namespace Harness.Run;

/// <summary>Somebody else's server for one cell.</summary>
internal sealed class PeerProcess : CellServer
{
    // From the end of the runner's pipe to the end of the peer, by SIGKILL.
    private static readonly TimeSpan s_endPatience = TimeSpan.FromSeconds(5);

    // Short beside a start, long beside what a look costs.
    private static readonly TimeSpan s_betweenLooks = TimeSpan.FromMilliseconds(10);

    private readonly PeerLaunch _launch;
    private readonly TmpfsFile? _file;
    private ProcessTree? _processes;

    private PeerProcess(ChildProcess process, PeerServer peer, PeerLaunch launch, TmpfsFile? file, PeerFacts facts)
        : base(process)
    {
        Name = peer.Name;
        _launch = launch;
        _file = file;
        Peer = facts;
    }

    public override string Name { get; }

    public override string Uri => _launch.Uri;

    public override IReadOnlyList<string> LoadArguments => ["--server-pid", Processes.Id.ToString(CultureInfo.InvariantCulture)];

    public override PeerFacts Peer { get; }

    public override long StrayCpuUs => _launch.PidFile is null || _processes is null ? 0 : _processes.Refreshed().Usage()?.CpuUs ?? 0;

    private ProcessTree Processes => _processes ?? throw new InvalidOperationException("the peer is not ready yet");

    /// <exception cref="HarnessException">It cannot be started.</exception>
    public static PeerProcess Start(Cell cell, CellSettings settings, ScratchFolder scratch)
    {
        var peer = Peers.Server(cell);
        var export = PeerExport.Of(cell["block"])!;
        var file = peer.NeedsFile(export) ? new TmpfsFile(scratch, export.Size, export.IsImage) : null;
        try
        {
            var launch = peer.Launch(cell, export, scratch, file);
            var facts = PeerVersion.Facts(peer.Name, peer.VersionArgument, launch.Command, launch.Config);
            var command = PeerGuard.Command(launch, scratch, file);
            return new PeerProcess(ChildProcess.Start([.. Pinning.Prefix(settings.Pinning.ServerCpu), .. command], scratch), peer, launch, file, facts);
        }
        catch
        {
            file?.Dispose();
            throw;
        }
    }

    public override async Task<CellOutcome?> ReadyAsync(TimeSpan deadline, CancellationToken cancel)
    {
        var late = DateTime.UtcNow + deadline;
        var ended = Process.WaitAsync(cancel);
        while (DateTime.UtcNow < late && !ended.IsCompleted)
        {
            if (Process.FirstLine.IsCompletedSuccessfully && NbdGreeting.IsGiven(_launch.Uri))
            {
                _processes = new ProcessTree(int.Parse(await Process.FirstLine, CultureInfo.InvariantCulture));
                return null;
            }
            await Task.WhenAny(ended, Task.Delay(s_betweenLooks, cancel));
            cancel.ThrowIfCancellationRequested();
        }
        if (ended.IsCompleted)
        {
            await ended;
        }
        return NotReady(deadline);
    }

    public override ServerSamples StartSampling(SamplingPlan plan) => ServerSamples.OfProcesses(Processes, forks: _launch.PidFile is not null, plan);

    public override void Dispose()
    {
        // Not the guard's end by force: a daemon is not among its children, and would stay.
        Process.EndByInput(s_endPatience);
        base.Dispose();
        _file?.Dispose();
    }
}
