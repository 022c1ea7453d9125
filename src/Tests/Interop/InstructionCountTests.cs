using System.Runtime.InteropServices;
using System.Text.Json;
using Harness.Io;
using Harness.Kernels;
using Harness.Kernels.Guest;
using Harness.Matrix;
using Harness.Measure;
using Harness.Results;
using Harness.Serve;

namespace Harness.Tests.Interop;

/// <summary>The emulator's plugin, the marks that it looks for, and regressions of a kernel's size: seeded, and found by counting.</summary>
public sealed class InstructionCountTests : IDisposable
{
    private const double LeastPercent = 0.2;
    private const double SmallestShare = 0.0025;

    private readonly TempDir _folder = new();

    public void Dispose() => _folder.Dispose();

    [SkippableFact]
    public void The_plugin_is_compiled_once_and_what_cannot_have_it_is_told_why()
    {
        Requires.Tool("cc");
        var cache = new KernelCache(_folder.Path);
        var qemu = new Qemu("qemu", "7.2.22");
        InstructionPlugin plugin = InstructionPlugin.Make(cache, qemu);
        Assert.True(File.Exists(plugin.Path));
        Assert.Equal(["-plugin", $"{plugin.Path},windows=/a,,b,blocks=on"], plugin.Arguments("/a,b", byBlock: true));
        File.WriteAllText(plugin.Path, "kept");
        Assert.Equal(plugin, InstructionPlugin.Make(cache, qemu));
        Assert.Equal("kept", File.ReadAllText(plugin.Path));

        string? why = null;
        Assert.Null(InstructionPlugin.TryMake(new KernelCache(_folder.File("other")), qemu, line => why = line, compiler: "no-such-cc"));
        Assert.Equal("instructions are not told apart by user mode and kernel: there is no C compiler here (no-such-cc) for the emulator's plugin; install gcc: scripts/setup.sh does", why);
        Assert.Null(InstructionPlugin.TryMake(cache, new Qemu("qemu", "10.0.2"), line => why = line));
        Assert.Contains("which QEMU 6 to 8 have, and this is 10.0.2", why);
    }

    [SkippableFact]
    public void Marks_do_nothing_and_an_unknown_number_is_refused()
    {
        Skip.IfNot(RuntimeInformation.ProcessArchitecture == Architecture.X64, "marks are instructions of x86-64");
        using (var marks = new InstructionMarks(InstructionMarks.MaxNumber))
        {
            marks.Begin();
            marks.End();
        }
        Assert.Throws<ArgumentOutOfRangeException>(() => new InstructionMarks(InstructionMarks.MaxNumber + 1));
        ToolResult result = Tool.Run(HarnessServer.Program, ["rung", "syscall", "--ops", "10"], new Dictionary<string, string?> { [WindowMarks.Variable] = "x" });
        Assert.Equal((2, "harness: HARNESS_WINDOW=x: not a number from 0 to 32767; unset it, unless a guest is counted\n"), (result.ExitCode, result.Errors));
    }

    [Fact]
    public void A_rung_counts_the_system_calls_that_it_was_asked_for()
    {
        string said = Tool.Run(HarnessServer.Program, ["rung", "syscall", "--ops", "5000", "--json", "-"]).Succeeded().Output;
        LoadResult load = JsonSerializer.Deserialize(said, ResultsJson.Document.LoadResult)!;
        Assert.Equal((5000L, 1.0), (load.Ops, load.Client.SyscallsPerOp));
        Assert.Contains("system calls, getppid(2)", Tool.Run(HarnessServer.Program, ["rung", "syscall", "--ops", "5000"]).Succeeded().Output);
        Assert.Contains("the other rungs measure for a --duration", Tool.Run(HarnessServer.Program, ["rung", "nop", "--ops", "5"]).Errors);
    }

    // The same boot with and without the plugin, and with what a kernel might add to each request.
    [SkippableFact]
    public void Seeded_regressions_are_found_by_one_boot_and_the_plugin_changes_nothing()
    {
        var (kernel, tools) = RequireGuests("boots five guests");
        CellRecord[] plain = Boot(kernel, tools, "plain", null);
        Assert.Equal(plain.Select(Instructions), Boot(kernel, tools with { Plugin = null }, "bare", null).Select(Instructions));
        // What no block has is at the edges of the window.
        Assert.All(plain, cell => Assert.InRange(Counted(cell) / Instructions(cell), 0.995, 1.005));
        foreach (string kind in (string[])[SeededRegression.SystemCall, "instructions:200", "instructions:1000"])
        {
            string name = kind.Replace(':', '-');
            CellRecord[] seeded = Boot(kernel, tools, name, kind);
            Assert.Equal(3, VerbConsole.Invoke("compare", _folder.File("plain"), _folder.File(name)).Code);
            foreach (string cell in plain.Select(record => record.Cell))
            {
                Assert.True(Step("plain", name, cell)?.Percent > LeastPercent, $"{cell}: {Figures(plain, cell)}; {kind} {Figures(seeded, cell)}");
            }
            Assert.Matches(@"\(\+[0-9.]+ %\)", VerbConsole.Invoke("kernels", "compare", RunIn("plain"), RunIn(name)).Output);
        }
    }

    // The size that the issue names, in the way in which kernels are surveyed: three boots, each with other random numbers, and other ones in the second run.
    [SkippableFact]
    public void A_regression_a_little_above_two_parts_in_a_thousand_is_found_by_three_boots_and_chance_alone_is_none()
    {
        var (kernel, tools) = RequireGuests("boots nine guests");
        CellRecord[] plain = Boot(kernel, tools, "plain", null, boots: 3);
        CellRecord[] chance = Boot(kernel, tools, "chance", null, boots: 3, seed: 2);
        string kind = FormattableString.Invariant($"instructions:{Math.Ceiling(plain.Max(Instructions) * SmallestShare)}");
        CellRecord[] seeded = Boot(kernel, tools, "seeded", kind, boots: 3, seed: 2);
        foreach (string cell in plain.Select(record => record.Cell).Distinct())
        {
            string figures = $"{cell}: {Figures(plain, cell)}; by other chance {Figures(chance, cell)}; {kind} {Figures(seeded, cell)}";
            Assert.True(Step("plain", "chance", cell) is null, figures);
            Assert.True(Step("plain", "seeded", cell)?.Percent > LeastPercent, figures);
        }
    }

    private static (CachedKernel Kernel, GuestTools Tools) RequireGuests(string what)
    {
        Skip.IfNot(TestScale.Full, $"{what}, which takes minutes; --full");
        Requires.Tool("qemu-system-x86_64");
        Requires.Tool("busybox");
        Requires.Tool("cc");
        var cache = new KernelCache(KernelCache.DefaultRoot);
        Skip.If(cache.Kernels().Count == 0, "needs a kernel; harness kernels fetch 6.1 brings one");
        GuestTools tools = GuestTools.Make(cache, null, _ => { });
        Assert.NotNull(tools.Plugin);
        return (cache.Kernels()[^1], tools);
    }

    private static double Instructions(CellRecord cell) => cell.Load!.InstructionsPerOp!.Value;

    private static string Figures(CellRecord[] records, string cell) =>
        string.Join(' ', records.Where(record => record.Cell == cell).Select(record => FormattableString.Invariant($"{Instructions(record):0}")));

    private static double Counted(CellRecord cell) => cell.Load!.UserInstructionsPerOp!.Value + cell.Load.KernelInstructionsPerOp!.Value;

    // Both are runs on one kernel, and the table takes them by their beginning.
    private KernelChange? Step(string was, string now, string cell) =>
        KernelTable.Of([RunReader.Read(RunIn(was)), RunReader.Read(RunIn(now))]).Changes.SingleOrDefault(change => change.Cell == cell);

    private string RunIn(string name) => Directory.GetDirectories(Directory.GetDirectories(_folder.File(name)).Single()).Single();

    private CellRecord[] Boot(CachedKernel kernel, GuestTools tools, string name, string? seeded, int boots = 1, int seed = 1)
    {
        File.WriteAllText(
            _folder.File("m.yml"),
            FormattableString.Invariant($"backend: [epoll, uring]\ndepth: 1\nsize: 512\nblock: memory:1M\nrounds: {boots}\nops: 4000\nseed: {seed}\n"));
        var session = new KernelRunSession
        {
            Matrix = MatrixReader.Read(_folder.File("m.yml"), brief: false),
            Filter = null,
            Kernels = [kernel],
            ResultsRoot = _folder.File(name),
            CommandLine = "harness kernels run",
            Qemu = tools.Qemu,
            Image = tools.Image,
            ReadyToRun = tools.ReadyToRun,
            Plugin = tools.Plugin,
            SeededRegression = seeded,
            Guests = Math.Clamp(Environment.ProcessorCount, 1, 2),
            Silence = TimeSpan.FromMinutes(5),
            Messages = TextWriter.Null,
        };
        RunData run = RunReader.Read(Assert.Single(session.Run(CancellationToken.None).Folders));
        CellRecord[] cells = [.. run.Cells.OrderBy(cell => cell.Cell, StringComparer.Ordinal).ThenBy(cell => cell.Round)];
        Assert.All(cells, cell => Assert.True(cell.Status == CellStatus.Ok, cell.Reason));
        return cells;
    }
}
