using System.Globalization;
using System.Text.Json;
using Harness.Compare;
using Harness.Kernels.Guest;
using Harness.Matrix;
using Harness.Measure;
using Harness.Report;
using Harness.Results;

namespace Harness.Kernels;

/// <summary>
/// The results folder of one kernel of a run, <c>guest-RELEASE/DATE-MATRIX-COMMIT</c>. It begins when the kernel has said what it is; what is known before
/// that waits. Called from several threads.
/// </summary>
internal sealed class KernelResults(KernelRunSession session, CachedKernel kernel, IReadOnlyList<Cell> cells)
{
    public const string ProbeFile = "probe.json";

    private readonly Lock _lock = new();
    private readonly List<CellRecord> _waiting = [.. Skipped(cells, session.IsTimed)];
    private readonly HashSet<(string Cell, int Round)> _kept = [];
    private int _measured;
    private ResultsFolder? _results;
    private string? _refused;
    private RunRecord? _record;

    public CachedKernel Kernel => kernel;

    /// <summary>What the figures are: see <see cref="GuestFacts.Mode"/>.</summary>
    public string Mode => session.Qemu.Mode;

    /// <summary>Where it lies; null where the kernel never said what it is.</summary>
    public string? Folder { get; private set; }

    /// <summary>Why it does not come up; null as long as nobody knows that it does not.</summary>
    public string? Broken { get; set; }

    /// <summary>Whether an earlier call has measured it already. Nothing changes it while boots go on.</summary>
    public bool Has(string cell, int round) => _kept.Contains((cell, round));

    /// <summary>The machine's name of a guest.</summary>
    public static string MachineOf(string release) => $"guest-{MachineName.Slug(release)}";

    /// <summary>How many records a whole run has of its boots.</summary>
    private int CellsOfBoots => cells.Count(cell => GuestPlan.Refusal(cell, session.IsTimed) is null) * session.Matrix.Rounds;

    /// <summary>Goes on with what an earlier call of the same run left, before anything is booted.</summary>
    /// <param name="said">Whether there is something to go on with, in a line.</param>
    /// <returns>What is kept; null where there is no such run, and the kernel begins anew.</returns>
    /// <exception cref="HarnessException">It is there, and another process writes it or it is damaged.</exception>
    public IReadOnlyList<CellRecord>? GoOn(out string said)
    {
        if (EarlierKernelRun.Find(session, kernel, cells.Count, out string? why) is not { } earlier)
        {
            said = $"{kernel.Facts.Release} begins anew: {why ?? "there is no run of it"}";
            return null;
        }
        Folder = earlier.Folder;
        IReadOnlyList<CellRecord> kept = earlier.Cells();
        if (kept.Count(cell => cell.Round > 0) < CellsOfBoots)
        {
            _results = earlier.Reopen(session.Matrix, out kept);
            _record = earlier.Record with { Status = RunStatus.Running, Finished = null, Resumed = [.. earlier.Record.Resumed, DateTimeOffset.UtcNow] };
            Write(() => _results.Write(_record));
        }
        _kept.UnionWith(kept.Select(cell => (cell.Cell, cell.Round)));
        _measured = kept.Count(cell => cell.Round > 0);
        said = string.Create(
            CultureInfo.InvariantCulture,
            $"{kernel.Facts.Release} goes on: {_measured} of {CellsOfBoots} measurements are in {KernelsPage.Short(Folder)}");
        return kept;
    }

    /// <summary>The kernel has said what it is.</summary>
    public void Began(ProbeDocument probe)
    {
        lock (_lock)
        {
            if (_results is not null)
            {
                return;
            }
            RunRecord record = Record(probe);
            _record = record with { FingerprintHash = Fingerprint.Of(record).Hash };
            _results = Create(_record);
            Folder = _results.Path;
            Write(() => File.WriteAllText(Path.Combine(Folder, ProbeFile), JsonSerializer.Serialize(probe, ResultsJson.Document.ProbeDocument) + "\n"));
            _waiting.ForEach(Put);
            _waiting.Clear();
        }
    }

    public void Append(CellRecord cell)
    {
        lock (_lock)
        {
            if (_refused is { } refused)
            {
                throw new HarnessException(ExitCode.Failed, refused);
            }
            if (_results is null)
            {
                _waiting.Add(cell);
            }
            else
            {
                Put(cell);
            }
        }
    }

    /// <summary>Nothing more comes. A run that has not all of its measurements is one that can be gone on with.</summary>
    /// <exception cref="HarnessException">The folder cannot be written to.</exception>
    public void Finish()
    {
        lock (_lock)
        {
            if (_results is not null && _record is not null)
            {
                using ResultsFolder results = _results;
                _results = null;
                RunStatus status = _measured < CellsOfBoots ? RunStatus.Interrupted : RunStatus.Complete;
                Write(() => results.Write(_record with { Finished = DateTimeOffset.UtcNow, Status = status }));
            }
        }
    }

    private void Put(CellRecord cell)
    {
        _results!.Append(cell, null);
        _measured += cell.Round > 0 ? 1 : 0;
    }

    private ResultsFolder Create(RunRecord record)
    {
        try
        {
            return ResultsFolder.Create(session.ResultsRoot, record, session.Matrix.Text);
        }
        catch (HarnessException e)
        {
            _refused = e.Message;
            throw;
        }
    }

    private void Write(Action write)
    {
        try
        {
            write();
        }
        catch (Exception e) when (FileTrouble.Is(e))
        {
            throw new HarnessException(ExitCode.Failed, $"cannot write to the results folder '{Folder}': {e.Message.TrimEnd('.')}; make room, or choose another place with --results DIR", e);
        }
    }

    private static IEnumerable<CellRecord> Skipped(IReadOnlyList<Cell> cells, bool timed) =>
        from cell in cells
        let reason = GuestPlan.Refusal(cell, timed)
        where reason is not null
        select new CellRecord
        {
            Cell = cell.Id,
            Round = 0,
            Status = CellStatus.Skipped,
            Reason = reason,
            Started = DateTimeOffset.UtcNow,
            Seconds = 0,
            Axes = cell.Values,
        };

    private RunRecord Record(ProbeDocument probe) => new()
    {
        Matrix = session.Matrix.Name,
        Machine = MachineOf(kernel.Facts.Release),
        Commit = Checkout.Commit(),
        Build = ProgramBuild.Id,
        CommandLine = session.CommandLine,
        Filter = session.Filter,
        Seed = session.Matrix.Seed,
        Rounds = session.Matrix.Rounds,
        DurationSeconds = session.IsTimed ? session.Matrix.Duration.TotalSeconds : 0,
        WarmupSeconds = session.IsTimed ? session.Matrix.Warmup.TotalSeconds : 0,
        CellCount = cells.Count,
        Started = DateTimeOffset.UtcNow,
        Status = RunStatus.Running,
        TcpCongestionControl = Run.TcpCongestion.Forced,
        SeededRegression = session.SeededRegression,
        Environment = probe.Environment,
        Guest = new GuestFacts
        {
            Mode = Mode,
            Kernel = kernel.Facts,
            Qemu = session.Qemu.Version,
            Machine = string.Join(' ', session.Qemu.MachineOfMode),
            Image = session.Image.Hash,
            ReadyToRun = session.ReadyToRun,
            Ops = session.IsTimed ? null : session.Matrix.Ops,
        },
        // What spoils times does not spoil counts, so the guest's own warnings are not repeated; this one belongs beside every figure.
        Warnings =
        [
            .. session.IsTimed ? probe.Warnings : [new Warning("instructions", "these are instructions, not cycles: cache misses, interrupts between CPUs and sleeping cost nothing here", "ask another machine what a difference costs in time")],
            .. session.SeededRegression is { } seeded ? new[] { Serve.SeededRegression.Warning(seeded) } : [],
        ],
    };
}
