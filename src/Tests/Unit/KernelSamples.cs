using System.Text.Json;
using Harness.Io;
using Harness.Kernels;
using Harness.Matrix;
using Harness.Report;
using Harness.Results;

namespace Harness.Tests.Unit;

/// <summary>Made-up runs in guests: the same figures on every machine.</summary>
internal sealed class KernelSamples(TempDir folder)
{
    /// <summary>A run of two cells with three boots, 40,000 instructions each times a factor.</summary>
    /// <returns>Its folder.</returns>
    public string Run(
        string name,
        string release,
        double factor,
        Func<GuestFacts, GuestFacts>? guest = null,
        Func<LoadResult, LoadResult>? load = null,
        DateTimeOffset? started = null,
        Func<RunRecord, RunRecord>? record = null) =>
        new CompareSamples(folder).Run(
            name,
            rounds: 3,
            load: load ?? (load => load with { InstructionsPerOp = 40_000 * factor }),
            run: run => (record ?? (run => run))(run with
            {
                Machine = KernelResults.MachineOf(release),
                Guest = guest is null ? Guest(release) : guest(Guest(release)),
                Environment = run.Environment with { KernelRelease = release, TcpRmem = release, LimitMemlock = release },
            }),
            started: started);

    /// <summary>
    /// Three kernels, two backends at two depths, three boots: on the second kernel uring costs a tenth less, and it has one set-up flag more; on the third it
    /// does a thing in another way, and nothing costs more than boots differ by.
    /// </summary>
    public IReadOnlyList<RunData> Three() =>
    [
        Three("5.10.0-46-cloud-amd64", uring: 1, epoll: 1, flags: "CQSIZE", Behaviour("skipped here", BehaviourVerdict.Skipped)),
        Three("6.12.117+deb13-cloud-amd64", uring: 0.9, epoll: 1, flags: "CQSIZE|DEFER_TASKRUN", Behaviour("at once", BehaviourVerdict.AsExpected)),
        Three("7.2.13+deb14-cloud-amd64", uring: 0.9006, epoll: 1.0006, flags: "CQSIZE|DEFER_TASKRUN", Behaviour("later", BehaviourVerdict.Differs)),
    ];

    public static GuestFacts Guest(string release) => new()
    {
        Mode = GuestFacts.Counted,
        Kernel = new KernelFacts { Release = release, Version = $"{release}-1", Image = "vmlinuz", Sha256 = release },
        Qemu = "7.2",
        Machine = "-machine q35",
        Image = "image",
        ReadyToRun = true,
        Ops = 4000,
    };

    public static ProbeDocument Probe(string release, string flags, params KernelBehaviour[] behaviours)
    {
        var ring = ResultsSamples.Environment.IoUring with { SetupFlags = flags };
        return ProbeDocument.Of(ResultsSamples.Environment with { KernelRelease = release, IoUring = ring }, [], []) with { Behaviours = behaviours };
    }

    public static KernelBehaviour Behaviour(string seen, BehaviourVerdict verdict) => new("a cancel of what is over", "at once", seen, verdict, "wait for it");

    private RunData Three(string release, double uring, double epoll, string flags, KernelBehaviour behaviour)
    {
        var records =
            from backend in new[] { "epoll", "uring" }
            from depth in new[] { "1", "64" }
            from boot in Enumerable.Range(1, 3)
            let instructions = (depth == "1" ? 30_000 : 9_000) * (backend == "uring" ? uring : epoll) * (1 + (0.0001 * boot))
            let cell = new Cell(new Dictionary<string, string> { ["backend"] = backend, ["depth"] = depth, ["rw"] = "read" })
            let record = ResultsSamples.Ok(cell, boot, 1e9 / instructions)
            let server = record.Load!.Server! with { InstructionsPerOp = instructions * 0.6 }
            let client = record.Load!.Client with { InstructionsPerOp = instructions * 0.4 }
            select record with { Load = record.Load! with { Ops = 4000, InstructionsPerOp = instructions, Server = server, Client = client } };
        string place = folder.File($"{KernelResults.MachineOf(release)}/2026-03-01T120000-three-0123456789");
        Directory.CreateDirectory(place);
        string probe = JsonSerializer.Serialize(Probe(release, flags, behaviour), ResultsJson.Document.ProbeDocument);
        File.WriteAllText(Path.Combine(place, KernelResults.ProbeFile), probe);
        var run = ResultsSamples.Run with
        {
            Machine = KernelResults.MachineOf(release),
            Matrix = "three",
            Guest = Guest(release),
            Environment = ResultsSamples.Environment with { KernelRelease = release },
        };
        return new RunData(place, run, [.. records], []);
    }
}
