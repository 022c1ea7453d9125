using Harness.Kernels;
using Harness.Results;
using Harness.Run;

namespace Harness.Tests.Interop;

/// <summary>
/// <c>harness kernels run --resume</c>, with an emulator that is a script: whole boots stay, cut ones are made again, and no cell stands there twice.
/// </summary>
public sealed class KernelResumeTests : IDisposable
{
    private const string Cells = "backend: [epoll, uring]\ndepth: 1\nrounds: 2\nops: 1000\n";
    private const string Boots = "echo ${kernel##*/} >>$here/boots; ";
    private const string All = Boots + "emit facts; emit cells ok; emit end";

    // Of 7.2.0 every boot stops in its second cell; 7.3.0 says nothing at all.
    private const string Cut = Boots + "case $kernel in *7.3.0*) exec sleep 600;; *7.2.0*) emit facts; echo 'begin 0' >>$results; "
        + "printf 'cell 0 ' >>$results; cat $here/ok >>$results; echo 'begin 1' >>$results; exec sleep 600;; esac; emit facts; emit cells ok; emit end";

    private readonly TempDir _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void What_is_complete_is_kept_and_what_is_missing_is_booted_again()
    {
        CellRecord[] before = Interrupt("6.1.0", "7.2.0", "7.3.0");
        Assert.Equal(2, before.Length);
        File.Delete(_folder.File("boots"));

        var (outcome, folders, messages) = Resume(All, "6.1.0", "7.2.0", "7.3.0");
        Assert.Equal((12, 0, ExitCode.Done), (outcome.Ok, outcome.Failed, outcome.ExitCode));
        Assert.Equal(["vmlinuz-7.2.0", "vmlinuz-7.2.0", "vmlinuz-7.3.0", "vmlinuz-7.3.0"], BootedKernels());
        Assert.Contains("6.1.0 goes on: 4 of 4 measurements are in guest-6.1.0/", messages);
        Assert.Contains("7.2.0 goes on: 2 of 4 measurements are in guest-7.2.0/", messages);
        Assert.Contains("7.3.0 begins anew: there is no run of it", messages);
        Assert.All(folders, folder => Assert.Single(Directory.GetDirectories(Path.GetDirectoryName(folder)!)));
        foreach (RunData run in folders.Select(RunReader.Read))
        {
            Assert.Empty(run.Problems);
            Assert.Equal(RunStatus.Complete, run.Run.Status);
            Assert.Equal(4, run.Cells.Select(cell => (cell.Cell, cell.Round)).Distinct().Count());
            Assert.Equal(4, run.Cells.Count);
        }
        RunData resumed = RunReader.Read(folders[1]);
        Assert.Single(resumed.Run.Resumed);
        Assert.Equal(before.Select(cell => cell.Started), resumed.Cells.Take(2).Select(cell => cell.Started));

        // There is nothing left to do, and that is no mistake.
        File.Delete(_folder.File("boots"));
        (outcome, folders, _) = Resume(All, "6.1.0", "7.2.0", "7.3.0");
        Assert.Equal((12, 3, ExitCode.Done), (outcome.Ok, folders.Count, outcome.ExitCode));
        Assert.False(File.Exists(_folder.File("boots")));
        Assert.Single(RunReader.Read(folders[1]).Run.Resumed);
    }

    [Fact]
    public void A_run_of_other_circumstances_is_not_gone_on_with_and_it_is_said_why()
    {
        Interrupt("6.1.0", "7.2.0", "7.3.0");
        var guests = new ScriptedGuests(_folder, All);
        HarnessException refused = Refusal(guests.Session(Cells.Replace("ops: 1000", "ops: 2000", StringComparison.Ordinal), "7.2.0"));
        Assert.Equal(ExitCode.Usage, refused.ExitCode);
        Assert.StartsWith("--resume finds nothing to go on with: 7.2.0 begins anew: guest-7.2.0/", refused.Message);
        Assert.EndsWith("is another run: its number of operations was '1000' and is '2000'; leave it away, or give the same call as then", refused.Message);

        KernelRunSession same = guests.Session(Cells, "7.2.0");
        Assert.Contains("its guests' image was 'scripted' and is 'other'", Refusal(same with { Image = same.Image with { Hash = "other" } }).Message);
        Assert.Contains("its --filter was 'none' and is '*epoll*'", Refusal(same with { Filter = "*epoll*" }).Message);
        Assert.Contains("its seeded regression was 'none' and is 'system-call'", Refusal(same with { SeededRegression = "system-call" }).Message);
        Assert.Contains("7.9.0 begins anew: there is no run of it", Refusal(guests.Session(Cells, "7.9.0")).Message);

        static HarnessException Refusal(KernelRunSession session) =>
            Assert.Throws<HarnessException>(() => (session with { Resume = true }).Run(CancellationToken.None));
    }

    [Fact]
    public void A_run_that_another_process_writes_is_left_to_it_and_nothing_is_booted()
    {
        Interrupt("6.1.0", "7.2.0", "7.3.0");
        File.Delete(_folder.File("boots"));
        string folder = Assert.Single(Directory.GetDirectories(_folder.File("results/guest-7.2.0")));
        using (ResultsFolder.Reopen(folder))
        {
            Assert.Contains("is being written by another harness run", Assert.Throws<HarnessException>(() => Resume(All, "7.2.0")).Message);
        }
        Assert.False(File.Exists(_folder.File("boots")));
        Assert.Equal(ExitCode.Done, Resume(All, "7.2.0").Outcome.ExitCode);
    }

    /// <summary>Interrupts a run once the first kernel is done and both boots of the second are in their second cell.</summary>
    /// <returns>What is there of the second.</returns>
    private CellRecord[] Interrupt(params string[] releases)
    {
        using var stop = new CancellationTokenSource();
        KernelRunSession session = new ScriptedGuests(_folder, Cut).Session(Cells, releases) with { Silence = TimeSpan.FromMinutes(5) };
        Task<(RunOutcome Outcome, IReadOnlyList<string> Folders)> running = Task.Run(() => session.Run(stop.Token));
        while (Records("6.1.0").Length < 4 || Records("7.2.0").Length < 2)
        {
            Assert.False(running.IsCompleted);
            Thread.Sleep(20);
        }
        stop.Cancel();
        var (outcome, folders) = running.GetAwaiter().GetResult();
        Assert.Equal((6, 0, true, ExitCode.Failed), (outcome.Ok, outcome.Failed, outcome.Interrupted, outcome.ExitCode));
        Assert.Equal(2, folders.Count);
        Assert.Equal(RunStatus.Interrupted, RunReader.Read(folders[1]).Run.Status);
        return Records("7.2.0");
    }

    private CellRecord[] Records(string release)
    {
        string machine = _folder.File($"results/guest-{release}");
        string? folder = Directory.Exists(machine) ? Directory.GetDirectories(machine, "2*").FirstOrDefault() : null;
        return folder is null ? [] : [.. RunReader.Read(folder).Cells];
    }

    private (RunOutcome Outcome, IReadOnlyList<string> Folders, string Messages) Resume(string script, params string[] releases)
    {
        using var messages = new StringWriter();
        KernelRunSession session = new ScriptedGuests(_folder, script).Session(Cells, releases) with { Resume = true, Messages = messages };
        var (outcome, folders) = session.Run(CancellationToken.None);
        return (outcome, folders, messages.ToString());
    }

    private string[] BootedKernels() => [.. File.ReadAllLines(_folder.File("boots")).Order(StringComparer.Ordinal)];
}
