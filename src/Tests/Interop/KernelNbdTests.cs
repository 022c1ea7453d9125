using System.Text.Json;
using Harness.Kernels;
using Harness.Kernels.Guest;
using Harness.Kernels.NbdCases;
using Harness.Results;
using Harness.Run;

namespace Harness.Tests.Interop;

/// <summary>
/// <c>harness kernels nbd</c> with an emulator that is a script: cases that pass, hang and leave a kernel unfit, kernels that panic, a disk that is full. A
/// real guest is in one test more, where there is QEMU and a kernel.
/// </summary>
public sealed class KernelNbdTests : IDisposable
{
    private const string All = "for case in $cases; do echo \"begin $case\"; echo \"cell $case passed seen\"; done >>$results; echo end >>$results";

    private readonly TempDir _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Every_case_of_every_kernel_is_in_its_folder()
    {
        var (outcome, records, folders, _) = Run(All, "re*", "6.1.0", "7.2.0");
        Assert.Equal(ExitCode.Done, outcome.ExitCode);
        string[] cases = ["read-only", "resize", "reconnect-unix", "reconnect-tcp", "reconnect-tcp-4"];
        Assert.All(records, record => Assert.Equal(cases, record.Cases.Select(one => one.Case)));
        Assert.All(records, record => Assert.Equal(1, record.Boots));
        Assert.Equal(["guest-6.1.0", "guest-7.2.0"], folders.Select(folder => Path.GetFileName(Path.GetDirectoryName(folder))));
        foreach (string folder in folders)
        {
            NbdCasesRecord read = JsonSerializer.Deserialize(File.ReadAllText(Path.Combine(folder, NbdCasesFolder.File)), ResultsJson.Document.NbdCasesRecord)!;
            Assert.NotNull(read.Finished);
            Assert.All(read.Cases, one => Assert.Equal((NbdCaseStatus.Passed, "seen"), (one.Status, one.Seen)));
        }
        string table = NbdCasesText.Markdown(records, NbdCase.Select("re*", []));
        Assert.Contains("| `resize` | the device grows under a mounted file system, and the file system after it (blktests nbd/001 grows a bare one) | passed: seen | passed: seen |", table);
    }

    [Fact]
    public void A_case_that_hangs_is_named_and_the_rest_gets_a_boot_of_its_own()
    {
        // The second case of the first boot never ends; the kernel goes on complaining, which is no sign of life.
        const string Hangs = "set -- $cases; if [ $# = 3 ]; then { echo begin $1; echo cell $1 passed seen; echo begin $2; } >>$results; "
            + "while :; do echo 'INFO: task dd blocked for more than 120 seconds.' >>$console; sleep 0.1; done; fi; ";
        var (outcome, records, _, messages) = Run(Hangs + All, "reconnect*", "6.1.0");
        Assert.Equal(ExitCode.Failed, outcome.ExitCode);
        NbdCasesRecord record = Assert.Single(records);
        Assert.Equal(2, record.Boots);
        Assert.Equal([NbdCaseStatus.Passed, NbdCaseStatus.Failed, NbdCaseStatus.Passed], record.Cases.Select(one => one.Status));
        Assert.StartsWith("the guest hangs: no sign of it for 1s; the last line of its console: INFO: task dd blocked", record.Cases[1].Seen);
        Assert.Contains("reconnect-tcp  failed: the guest hangs", messages);
    }

    [Fact]
    public void After_a_case_that_leaves_the_kernel_unfit_the_rest_gets_a_boot_of_its_own()
    {
        const string Stops = "set -- $cases; if [ $# = 3 ]; then { echo begin $1; echo cell $1 failed the kernel says BUG; echo end; } >>$results; exit 0; fi; ";
        var (outcome, records, _, _) = Run(Stops + All, "reconnect*", "6.1.0");
        Assert.Equal((2, 1, ExitCode.Failed), (outcome.Ok, outcome.Failed, outcome.ExitCode));
        Assert.Equal(2, records[0].Boots);
        Assert.Equal("the kernel says BUG", records[0].Cases[0].Seen);
    }

    [Fact]
    public void A_kernel_that_panics_and_an_emulator_that_does_not_start_cost_their_own_cases_only()
    {
        const string Panic = "case $kernel in *6.1.0*) echo 'Kernel panic - not syncing: no init' >$console; exit 0;; *5.4.0*) echo 'qemu: no such machine' >&2; exit 1;; esac; ";
        var (outcome, records, _, _) = Run(Panic + All, "reconnect*", "5.4.0", "6.1.0", "7.2.0");
        Assert.Equal((3, 6), (outcome.Ok, outcome.Failed));
        Assert.All(records[0].Cases, one => Assert.Equal("the emulator ended with exit code 1: qemu: no such machine", one.Seen));
        Assert.All(records[1].Cases, one => Assert.Equal("the kernel panicked: Kernel panic - not syncing: no init", one.Seen));
        Assert.Equal([1, 1, 1], records.Select(record => record.Boots));
    }

    [Fact]
    public void Where_nothing_can_be_kept_it_is_said_and_every_kernel_is_tried_all_the_same()
    {
        File.WriteAllText(_folder.File("results"), "a file where the folder should be");
        var (outcome, records, folders, messages) = Run(All, "resize", "6.1.0", "7.2.0");
        Assert.Equal(ExitCode.Failed, outcome.ExitCode);
        Assert.Equal(2, outcome.Ok);
        Assert.Empty(folders);
        Assert.All(records, record => Assert.Single(record.Cases));
        Assert.Contains("6.1.0: cannot write '", messages);
        Assert.Contains("7.2.0: cannot write '", messages);
        Assert.Contains("is a file, not a folder; make room, or choose another place with --results DIR", messages);
    }

    [Fact]
    public void Where_a_boot_has_no_room_for_its_files_it_is_said()
    {
        string? before = Environment.GetEnvironmentVariable("TMPDIR");
        File.WriteAllText(_folder.File("file"), "");
        try
        {
            Environment.SetEnvironmentVariable("TMPDIR", _folder.File("file"));
            var (outcome, records, _, _) = Run(All, "resize", "6.1.0", "7.2.0");
            Assert.Equal((0, 2, ExitCode.Failed), (outcome.Ok, outcome.Failed, outcome.ExitCode));
            Assert.All(records, record => Assert.Contains("make room there, or set TMPDIR", record.Cases[0].Seen));
        }
        finally
        {
            Environment.SetEnvironmentVariable("TMPDIR", before);
        }
    }

    [Fact]
    public void A_kernel_without_the_client_is_skipped_by_name()
    {
        const string Lacks = "for case in $cases; do echo \"begin $case\"; echo \"cell $case skipped this kernel has no NBD client\"; done >>$results; echo end >>$results";
        var (outcome, records, _, _) = Run(Lacks, "resize", "6.1.0");
        Assert.Equal(ExitCode.NothingCouldRun, outcome.ExitCode);
        Assert.Equal((NbdCaseStatus.Skipped, "this kernel has no NBD client"), (records[0].Cases[0].Status, records[0].Cases[0].Seen));
    }

    [Fact]
    public void Options_that_mean_nothing_are_refused()
    {
        string empty = _folder.File("cache");
        var (code, _, error) = VerbConsole.Invoke("kernels", "nbd", "--filter", "nosuch", "--cache", empty);
        Assert.Equal(2, code);
        Assert.StartsWith("harness: --filter 'nosuch' matches none of 22 cases: ext4-unix, ", error);
        (code, _, error) = VerbConsole.Invoke("kernels", "nbd", "--backend", "epoll,pool", "--cache", empty);
        Assert.Equal(2, code);
        Assert.Contains("--backend: unknown backend 'pool'; did you mean 'poll'?", error);
        (code, _, error) = VerbConsole.Invoke("kernels", "nbd", "--cache", empty);
        Assert.Equal(77, code);
        Assert.Equal("harness: no kernel is here yet; harness kernels fetch VERSION brings one, harness kernels list shows them\n", error);
        (code, _, error) = VerbConsole.Invoke("kernels", "attach", "nbd://localhost", "/dev/sda");
        Assert.Equal(2, code);
        Assert.Contains("'/dev/sda' is no device of the kernel's NBD client; give one like /dev/nbd0", error);
        (code, _, error) = VerbConsole.Invoke("kernels", "attach", "nbd://localhost", "/dev/nbd0", "--dead-timeout", "50ms");
        Assert.Equal(2, code);
        Assert.Contains("the kernel counts in seconds; give 1s or more", error);
    }

    // The short form is the one case that needs the server once; the long one is all of them.
    [SkippableFact]
    public void A_real_kernel_keeps_what_is_written_to_our_server()
    {
        Requires.Tool("qemu-system-x86_64");
        Requires.Tool("busybox");
        Requires.Tool("nbd-client");
        var cache = new KernelCache(KernelCache.DefaultRoot);
        Skip.If(cache.Kernels().Count == 0, "needs a kernel; harness kernels fetch 6.1 brings one");
        GuestImage image = GuestImage.Make(cache, GuestProgram.Find(_ => { }));
        NbdCasesSession session = Session(TestScale.Pick("zeroes", "*"), [cache.Kernels()[^1]], Qemu.Find(), image, NbdTools.Find(), TextWriter.Null);
        var (_, records, _) = session.Run(CancellationToken.None);
        Assert.Empty(records[0].Cases.Where(one => one.Status != NbdCaseStatus.Passed).Select(one => $"{one.Case}: {one.Seen}"));
    }

    private NbdCasesSession Session(
        string filter, IReadOnlyList<CachedKernel> kernels, Qemu qemu, GuestImage image, NbdTools tools, TextWriter messages)
    {
        return new NbdCasesSession
        {
            Cases = NbdCase.Select(filter, []),
            Kernels = kernels,
            ResultsRoot = _folder.File("results"),
            Qemu = qemu,
            Image = image,
            Tools = tools,
            Guests = 1,
            Silence = image.Hash == "scripted" ? TimeSpan.FromSeconds(1) : TimeSpan.FromMinutes(5),
            Messages = messages,
        };
    }

    /// <summary>
    /// A run whose emulator is a shell script; <c>$cases</c> are the numbers in the plan, <c>$results</c> is what the guest says, <c>$console</c> the kernel.
    /// </summary>
    private (RunOutcome Outcome, IReadOnlyList<NbdCasesRecord> Records, IReadOnlyList<string> Folders, string Messages) Run(
        string script, string filter, params string[] releases)
    {
        File.WriteAllText(_folder.File("qemu"), $$"""
            #!/bin/sh
            for word; do
              case $before in -kernel) kernel=$word;; -initrd) initrd=$word;; esac
              case $word in file,id=console,path=*) console=${word#*path=};; file,id=results,path=*) results=${word#*path=};; esac
              before=$word
            done
            cases=$(grep -a -o '^nbd_case [0-9]*' $initrd | cut -d ' ' -f 2)
            : >$console; : >$results
            {{script}}
            """ + "\n");
        Tool.Run("chmod", "700", _folder.File("qemu")).Succeeded();
        File.WriteAllText(_folder.File("image"), "");
        CachedKernel[] kernels = [.. releases.Select(release =>
        {
            File.WriteAllText(_folder.File($"vmlinuz-{release}"), release);
            return new CachedKernel(_folder.Path, new KernelFacts { Release = release, Image = $"vmlinuz-{release}", Sha256 = release });
        })];
        using var messages = new StringWriter();
        var tools = new NbdTools(new CpioArchive(), new Dictionary<string, string>());
        var (qemu, image) = (new Qemu(_folder.File("qemu"), "7.2"), new GuestImage(_folder.File("image"), "scripted"));
        var (outcome, records, folders) = Session(filter, kernels, qemu, image, tools, messages).Run(CancellationToken.None);
        return (outcome, records, folders, messages.ToString());
    }
}
