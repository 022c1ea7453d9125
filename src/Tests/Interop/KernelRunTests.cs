using Harness.Kernels;
using Harness.Kernels.Guest;
using Harness.Results;
using Harness.Run;

namespace Harness.Tests.Interop;

/// <summary>
/// <c>harness kernels run</c> with an emulator that is a script: kernels that panic, guests that hang, cells that are skipped. What a real guest says is
/// in one test more, where there is QEMU and a kernel.
/// </summary>
public sealed class KernelRunTests : IDisposable
{
    private const string Cells = "backend: [epoll, uring]\ndepth: 1\nrounds: 2\nops: 1000\n";

    private readonly TempDir _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Each_kernel_gets_a_folder_with_its_boots_in_it()
    {
        var (outcome, folders, _) = Run(Cells, "emit facts; emit cells ok; emit end", "6.1.0", "7.2.0");
        Assert.Equal(ExitCode.Done, outcome.ExitCode);
        Assert.Equal(["guest-6.1.0", "guest-7.2.0"], folders.Select(folder => Path.GetFileName(Path.GetDirectoryName(folder))));
        foreach (string folder in folders)
        {
            RunData run = RunReader.Read(folder);
            Assert.Empty(run.Problems);
            Assert.Equal(RunStatus.Complete, run.Run.Status);
            Assert.Equal(GuestFacts.Counted, run.Run.Guest!.Mode);
            Assert.Equal(4, run.Cells.Count);
            // 1,000 operations in 25 ms, with a nanosecond for each instruction.
            Assert.All(run.Cells, cell => Assert.Equal(25_000, cell.Load!.InstructionsPerOp));
            Assert.All(run.Cells, cell => Assert.Equal(3_125, cell.Load!.Server!.InstructionsPerOp));
            Assert.True(File.Exists(Path.Combine(folder, KernelResults.ProbeFile)));
        }
    }

    [Fact]
    public void A_kernel_that_panics_costs_its_own_cells_only_and_is_not_booted_again()
    {
        const string Panic = "echo '[ 1.5] Kernel panic - not syncing: VFS: Unable to mount root fs' >$console; exit 0";
        var (outcome, folders, messages) = Run(Cells.Replace("rounds: 2", "rounds: 3", StringComparison.Ordinal), $"case $kernel in *6.1.0*) {Panic};; esac; emit facts; emit cells ok; emit end", "6.1.0", "7.2.0");
        Assert.Equal(ExitCode.Failed, outcome.ExitCode);
        Assert.Equal(6, outcome.Ok);
        Assert.Equal(6, outcome.Failed);
        Assert.Equal("guest-7.2.0", Path.GetFileName(Path.GetDirectoryName(Assert.Single(folders))));
        Assert.Contains("6.1.0 boot 1: the kernel panicked: Kernel panic - not syncing: VFS: Unable to mount root fs", messages);
        Assert.Contains("6.1.0 boot 3: an earlier boot of this kernel did not come up: the kernel panicked", messages);
    }

    [Fact]
    public void A_guest_that_hangs_is_ended_and_the_cell_is_named()
    {
        var (outcome, folders, messages) = Run(Cells, "emit facts; echo begin 0 >>$results; exec sleep 600", "6.1.0");
        Assert.Equal(ExitCode.Failed, outcome.ExitCode);
        Assert.Contains("6.1.0 boot 1: the guest hangs: no sign of it for 1s; its console is empty (in backend=", messages);
        Assert.All(RunReader.Read(Assert.Single(folders)).Cells, cell => Assert.Equal(CellStatus.Failed, cell.Status));
    }

    [Fact]
    public void A_kernel_that_panics_in_the_middle_keeps_what_it_measured_and_is_booted_again_for_the_next_round()
    {
        const string Half = "emit facts; echo 'begin 0' >>$results; printf 'cell 0 ' >>$results; cat $here/ok >>$results; echo 'begin 1' >>$results; "
            + "case $kernel in *6.1.0*) echo '[ 9.9] Kernel panic - not syncing: Fatal exception in interrupt' >$console; exit 0;; esac; "
            + "printf 'cell 1 ' >>$results; cat $here/ok >>$results; emit end";
        var (outcome, folders, messages) = Run(Cells, Half, "6.1.0", "7.2.0");
        Assert.Equal((6, 2, ExitCode.Failed), (outcome.Ok, outcome.Failed, outcome.ExitCode));
        // Both boots go on at a time.
        CellRecord[] cells = [.. RunReader.Read(folders[0]).Cells.OrderBy(cell => cell.Round)];
        Assert.Equal([CellStatus.Ok, CellStatus.Failed, CellStatus.Ok, CellStatus.Failed], cells.Select(cell => cell.Status));
        const string Why = "the kernel panicked: Kernel panic - not syncing: Fatal exception in interrupt";
        Assert.All(cells.Where(cell => cell.Status == CellStatus.Failed), cell => Assert.Equal(Why, cell.Reason));
        Assert.Contains($"6.1.0 boot 2: {Why} (in backend=", messages);
    }

    [Theory]
    [InlineData("run")]
    [InlineData("nbd")]
    [InlineData("probe")]
    public void Without_an_emulator_or_without_busybox_a_line_says_what_to_install(string verb)
    {
        string kernel = Path.Combine(_folder.File("cache"), "kernels", "6.1.0");
        Directory.CreateDirectory(kernel);
        File.WriteAllText(Path.Combine(kernel, "vmlinuz"), "");
        File.WriteAllText(Path.Combine(kernel, "kernel.json"), """{ "release": "6.1.0", "image": "vmlinuz", "sha256": "" }""");
        File.WriteAllText(_folder.File("qemu"), "#!/bin/sh\necho QEMU emulator version 7.2\n");
        Tool.Run("chmod", "700", _folder.File("qemu")).Succeeded();
        string? path = Environment.GetEnvironmentVariable("PATH");
        try
        {
            Environment.SetEnvironmentVariable("PATH", _folder.File("empty"));
            var (code, _, error) = VerbConsole.Invoke("kernels", verb, "--cache", _folder.File("cache"));
            Assert.Equal(77, code);
            Assert.Equal("harness: there is no qemu-system-x86_64 here to run guests in; install qemu-system-x86: scripts/setup.sh does\n", error);
            (code, _, error) = VerbConsole.Invoke("kernels", verb, "--cache", _folder.File("cache"), "--qemu", _folder.File("qemu"));
            Assert.Equal(77, code);
            Assert.Contains("; install ", error.TrimEnd('\n').Split('\n')[^1]);
        }
        finally
        {
            Environment.SetEnvironmentVariable("PATH", path);
        }
    }

    [Fact]
    public void A_kernel_that_only_complains_hangs_and_a_guest_that_has_said_all_does_not()
    {
        const string Complains = "emit facts; while :; do echo 'watchdog: BUG: soft lockup' >>$console; sleep 0.1; done";
        var (outcome, _, messages) = Run(Cells, Complains, "6.1.0");
        Assert.Equal(ExitCode.Failed, outcome.ExitCode);
        Assert.Contains("the guest hangs: no sign of it for 1s; the last line of its console: watchdog: BUG: soft lockup", messages);
        (outcome, _, _) = Run(Cells, "emit facts; emit cells ok; emit end; exec sleep 600", "7.2.0");
        Assert.Equal(ExitCode.Done, outcome.ExitCode);
    }

    [Fact]
    public void Where_nothing_can_be_kept_it_is_said_and_every_kernel_is_tried_all_the_same()
    {
        File.WriteAllText(_folder.File("results"), "a file where the folder should be");
        var (outcome, folders, messages) = Run(Cells, "emit facts; emit cells ok; emit end", "6.1.0", "7.2.0");
        Assert.Equal((0, 8, ExitCode.Failed), (outcome.Ok, outcome.Failed, outcome.ExitCode));
        Assert.Empty(folders);
        Assert.Contains("6.1.0 boot 1: cannot create the results folder '", messages);
        Assert.Contains("7.2.0 boot 2", messages);
        Assert.Contains("is a file, not a folder; choose another place with --results DIR", messages);
    }

    [SkippableFact]
    public void A_disk_that_fills_up_costs_what_is_not_written_yet()
    {
        Skip.IfNot(File.Exists("/dev/full"), "needs /dev/full");
        // The disk is full once the first kernel's folder is there; the second has room.
        const string Fills = "case $kernel in *6.1.0*) until ls $here/results/guest-6.1.0/*/cells.jsonl >$here/list.$$ 2>/dev/null; do sleep 0.05; done; "
            + "ln -sf /dev/full $(cat $here/list.$$);; esac; ";
        var (outcome, folders, messages) = Run(Cells, $"emit facts; {Fills} emit cells ok; emit end", "6.1.0", "7.2.0");
        Assert.Equal((4, 4, ExitCode.Failed), (outcome.Ok, outcome.Failed, outcome.ExitCode));
        Assert.Equal(2, folders.Count);
        Assert.Contains("cannot write to the results folder '", messages);
        Assert.Contains("No space left on device", messages);
        Assert.Equal(4, RunReader.Read(folders[1]).Cells.Count(cell => cell.Status == CellStatus.Ok));
    }

    [Fact]
    public void What_a_kernel_lacks_is_skipped_by_name_and_an_emulator_that_cannot_start_says_why()
    {
        var (outcome, folders, messages) = Run(Cells, "emit facts; emit cells 'skipped io_uring is refused: this kernel is too old'; emit end", "5.4.0");
        Assert.Equal(ExitCode.NothingCouldRun, outcome.ExitCode);
        const string Why = "io_uring is refused: this kernel is too old";
        Assert.All(RunReader.Read(Assert.Single(folders)).Cells, cell => Assert.Equal((CellStatus.Skipped, Why), (cell.Status, cell.Reason)));
        Assert.Contains("skipped: io_uring is refused: this kernel is too old", messages);

        (_, _, messages) = Run(Cells, "echo 'qemu: could not load kernel' >&2; exit 1", "5.5.0");
        Assert.Contains("the emulator ended with exit code 1: qemu: could not load kernel", messages);
    }

    [Fact]
    public void What_a_guest_cannot_count_is_refused_and_a_spoiled_window_does_not_count()
    {
        var (_, folders, messages) = Run("backend: epoll\ndepth: 1\nwait: [block, spin]\nrounds: 1\nops: 1000\n", "emit facts; emit cells collected; emit end", "6.1.0");
        Assert.Contains("wait=spin,depth=1,rw=read: on the one CPU of a guest a loop that spins keeps the other side waiting", messages);
        Assert.Contains("failed: a collection fell into the measured part", messages);
        Assert.Equal([(0, CellStatus.Skipped), (1, CellStatus.Failed)], RunReader.Read(Assert.Single(folders)).Cells.Select(cell => (cell.Round, cell.Status)));
    }

    [Fact]
    public void The_same_files_make_the_same_image_and_others_read_it()
    {
        string file = _folder.File("program");
        File.WriteAllText(file, "text");
        byte[] Bytes(DateTime time)
        {
            File.SetLastWriteTimeUtc(file, time);
            var archive = new CpioArchive();
            archive.AddFile("bin/program", file, executable: true);
            archive.AddText("init", "#!/bin/sh\n", executable: true);
            archive.AddFolder("proc");
            using var stream = new MemoryStream();
            archive.Write(stream);
            return stream.ToArray();
        }
        byte[] image = Bytes(DateTime.UnixEpoch);
        Assert.Equal(image, Bytes(DateTime.UtcNow));
        if (Requires.Find("cpio") is { } cpio)
        {
            File.WriteAllBytes(_folder.File("image"), image);
            string listed = Tool.Run("sh", "-c", $"{cpio} -tv --numeric-uid-gid <{_folder.File("image")}").Succeeded().Output;
            Assert.Equal(
                ["drwxr-xr-x bin", "-rwxr-xr-x bin/program", "-rwxr-xr-x init", "drwxr-xr-x proc"],
                listed.TrimEnd('\n').Split('\n').Select(line => line.Split(' ')).Select(words => $"{words[0]} {words[^1]}"));
        }
    }

    [SkippableFact]
    public void A_full_disk_leaves_no_half_image_behind()
    {
        Skip.IfNot(File.Exists("/dev/full"), "needs /dev/full");
        Requires.Tool("busybox");
        var cache = new KernelCache(_folder.File("cache"));
        var program = new GuestProgram(_folder.Path, AheadFolder: null);
        string path = GuestImage.Make(cache, program).Path;
        File.Delete(path);
        string unfinished = $"{path}.{Environment.ProcessId}";
        File.CreateSymbolicLink(unfinished, "/dev/full");
        var full = Assert.Throws<HarnessException>(() => GuestImage.Make(cache, program));
        Assert.Equal(ExitCode.Failed, full.ExitCode);
        Assert.StartsWith($"cannot write the guests' image '{path}': No space left on device", full.Message);
        Assert.EndsWith("; make room, or choose another place with --cache DIR", full.Message);
        Assert.Empty(Directory.GetFiles(Path.GetDirectoryName(path)!));
    }

    // Two boots with the same random numbers are the same to the last instruction.
    [SkippableFact]
    public void A_real_guest_counts_the_same_twice()
    {
        Requires.Tool("qemu-system-x86_64");
        Requires.Tool("busybox");
        var cache = new KernelCache(KernelCache.DefaultRoot);
        Skip.If(cache.Kernels().Count == 0, "needs a kernel; harness kernels fetch 6.1 brings one");
        LoadResult Boot(string name) => Assert.Single(RunReader.Read(Assert.Single(Session(
            "backend: uring\ndepth: 1\nblock: memory:1M\nrounds: 1\nops: 1000\n",
            name,
            [cache.Kernels()[^1]],
            Qemu.Find(),
            GuestImage.Make(cache, GuestProgram.Find(_ => { }))).Run(CancellationToken.None).Folders)).Cells).Load!;
        LoadResult first = Boot("first");
        Assert.InRange(first.InstructionsPerOp!.Value, 5_000, 500_000);
        Assert.Equal(2, first.Server!.SyscallsPerOp!.Value, 2);
        Assert.Equal(first.InstructionsPerOp, Boot("second").InstructionsPerOp);
    }

    [Fact]
    public void Each_kernel_is_probed_and_stands_beside_the_others()
    {
        const string Panic = "echo '[ 1.5] Kernel panic - not syncing: VFS' >$console; exit 0";
        var (qemu, image, kernels) = Scripted($"case $kernel in *6.6.0*) {Panic};; esac; emit facts; emit end", "7.2.0", "6.6.0", "6.1.0");
        using var messages = new StringWriter();
        IReadOnlyList<ProbedKernel> probed = Probe(qemu, image, kernels, messages).Run(CancellationToken.None);
        Assert.Equal(["6.1.0", "7.2.0"], probed.Select(kernel => kernel.Release));
        Assert.All(probed, kernel => Assert.Matches($@"guest-{kernel.Release}/\d{{4}}-\d\d-\d\dT\d{{6}}-probe-\w+(-dirty)?$", kernel.Folder));
        Assert.All(probed, kernel => Assert.Equal(Measure.Checkout.Commit(), KernelSemantics.ProbeIn(kernel.Folder)!.Commit));
        Assert.Contains("6.6.0: the kernel panicked: Kernel panic - not syncing: VFS", messages.ToString());
        KernelSemantics semantics = KernelSemantics.Of(probed);
        Assert.Equal(["6.1", "7.2"], semantics.Kernels.Select(kernel => kernel.Name));
        Assert.All(semantics.Backends, backend => Assert.All(backend.States, state => Assert.True(state!.Available)));
    }

    [Fact]
    public void Answers_that_cannot_be_kept_cost_their_kernel_only()
    {
        Directory.CreateDirectory(_folder.File("results"));
        File.WriteAllText(_folder.File("results/guest-6.1.0"), "a file where the folder should be");
        var (qemu, image, kernels) = Scripted("emit facts; emit end", "6.1.0", "7.2.0");
        using var messages = new StringWriter();
        IReadOnlyList<ProbedKernel> probed = Probe(qemu, image, kernels, messages).Run(CancellationToken.None);
        Assert.Equal("7.2.0", Assert.Single(probed).Release);
        Assert.Contains("6.1.0: cannot create the results folder '", messages.ToString());
        Assert.Contains("is a file, not a folder; choose another place with --results DIR", messages.ToString());
    }

    [Fact]
    public void A_machine_on_which_kvm_guests_hang_is_found_out_before_anything_is_measured()
    {
        var (qemu, image, kernels) = Scripted("case $kernel in *6.1.0*) echo 'Kernel panic - not syncing: x' >$console; exit 0;; esac; exec sleep 600", "6.1.0", "7.2.0");
        Qemu timed = qemu with { Mode = GuestFacts.Timed };
        var trial = new KvmTrial(timed, image) { Silence = TimeSpan.FromSeconds(1) };
        var refused = Assert.Throws<HarnessException>(() => trial.Require(kernels, CancellationToken.None));
        Assert.Equal(ExitCode.NothingCouldRun, refused.ExitCode);
        Assert.Equal(
            "KVM does not work here, so guests cannot measure time: a trial guest did not come up: the guest hangs: no sign of it for 1s; its console is empty; "
            + "run it on a machine that lends its CPUs, or count instructions with --mode counted",
            refused.Message);
        Assert.Contains("there is no /nowhere/kvm", Assert.Throws<HarnessException>(() => KvmTrial.RequireDevice(timed, "/nowhere/kvm")).Message);
        // What counts asks for none.
        KvmTrial.RequireDevice(qemu, "/nowhere/kvm");
        new KvmTrial(qemu, image).Require(kernels, CancellationToken.None);
    }

    [Fact]
    public void A_timed_run_measures_for_a_time_on_two_cpus_and_says_so()
    {
        var (qemu, image, kernels) = Scripted("emit facts; grep -a '^timed' $initrd >$here/plan; grep -a '^cell' $initrd >>$here/plan; emit cells ok; emit end; echo $* >$here/words", "6.1.0");
        Qemu timed = qemu with { Mode = GuestFacts.Timed };
        new KvmTrial(timed, image).Require(kernels, CancellationToken.None);
        const string Spinning = "backend: epoll\ndepth: 1\nwait: spin\nrounds: 1\nduration: 300ms\nwarmup: 50ms\n";
        var (outcome, folders) = Session(Spinning, "results", kernels, timed, image).Run(CancellationToken.None);
        Assert.Equal(ExitCode.Done, outcome.ExitCode);
        RunData run = RunReader.Read(Assert.Single(folders));
        Assert.Equal((GuestFacts.Timed, null, 0.3), (run.Run.Guest!.Mode, run.Run.Guest.Ops, run.Run.DurationSeconds));
        Assert.Contains("-accel kvm", run.Run.Guest.Machine);
        CellRecord cell = Assert.Single(run.Cells);
        Assert.Equal((CellStatus.Ok, null), (cell.Status, cell.Load!.InstructionsPerOp));
        string plan = File.ReadAllText(_folder.File("plan"));
        Assert.StartsWith("timed\n", plan);
        Assert.Contains("--duration 300ms --warmup 50ms", plan);
        Assert.Contains("--wait spin", plan);
        string words = File.ReadAllText(_folder.File("words"));
        Assert.Contains("-accel kvm -cpu host -smp 2", words);
        Assert.DoesNotContain("icount", words);
    }

    private KernelProbeSession Probe(Qemu qemu, GuestImage image, IReadOnlyList<CachedKernel> kernels, TextWriter messages) => new()
    {
        Kernels = kernels,
        ResultsRoot = _folder.File("results"),
        Qemu = qemu,
        Image = image,
        Guests = 2,
        Silence = TimeSpan.FromSeconds(1),
        Messages = messages,
    };

    private KernelRunSession Session(
        string yaml, string results, IReadOnlyList<CachedKernel> kernels, Qemu qemu, GuestImage image, TextWriter? messages = null) =>
        ScriptedGuests.Session(_folder, yaml, kernels, qemu, image) with { ResultsRoot = _folder.File(results), Messages = messages ?? TextWriter.Null };

    private (RunOutcome Outcome, IReadOnlyList<string> Folders, string Messages) Run(string yaml, string script, params string[] releases)
    {
        var (qemu, image, kernels) = Scripted(script, releases);
        using var messages = new StringWriter();
        var (outcome, folders) = Session(yaml, "results", kernels, qemu, image, messages).Run(CancellationToken.None);
        return (outcome, folders, messages.ToString());
    }

    private (Qemu Qemu, GuestImage Image, IReadOnlyList<CachedKernel> Kernels) Scripted(string script, params string[] releases)
    {
        var guests = new ScriptedGuests(_folder, script);
        return (guests.Qemu, guests.Image, guests.Kernels(releases));
    }
}
