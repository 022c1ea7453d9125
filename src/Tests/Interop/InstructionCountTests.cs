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
    public void Seeded_regressions_of_any_size_above_two_parts_in_a_thousand_are_found()
    {
        Skip.IfNot(TestScale.Full, "boots ten guests, which takes minutes; --full");
        Requires.Tool("qemu-system-x86_64");
        Requires.Tool("busybox");
        Requires.Tool("cc");
        var cache = new KernelCache(KernelCache.DefaultRoot);
        Skip.If(cache.Kernels().Count == 0, "needs a kernel; harness kernels fetch 6.1 brings one");
        CachedKernel kernel = cache.Kernels()[^1];
        GuestTools tools = GuestTools.Make(cache, null, _ => { });
        Assert.NotNull(tools.Plugin);
        LoadResult plain = Boot(kernel, tools, "plain", null);
        double instructions = plain.InstructionsPerOp!.Value;
        Assert.Equal(instructions, Boot(kernel, tools with { Plugin = null }, "bare", null).InstructionsPerOp);
        // What no block has is at the edges of the window.
        Assert.Equal(instructions, plain.UserInstructionsPerOp!.Value + plain.KernelInstructionsPerOp!.Value, instructions * 0.005);

        foreach (string kind in (string[])[SeededRegression.SystemCall, "instructions:200", "instructions:1000", $"instructions:{Math.Ceiling(instructions * 0.0025)}"])
        {
            LoadResult seeded = Boot(kernel, tools, kind.Replace(':', '-'), kind);
            Assert.True(seeded.InstructionsPerOp > instructions * 1.002, $"{kind}: {instructions} and {seeded.InstructionsPerOp}");
            var (code, output, _) = VerbConsole.Invoke("compare", _folder.File("plain"), _folder.File(kind.Replace(':', '-')));
            Assert.Equal(3, code);
            Assert.Contains("instructions_per_op", output);
            string[] runs = [RunIn("plain"), RunIn(kind.Replace(':', '-'))];
            (_, output, _) = VerbConsole.Invoke(["kernels", "compare", .. runs]);
            Assert.Matches(@"\(\+[0-9.]+ %\)", output);
        }
    }

    private string RunIn(string name) => Directory.GetDirectories(Directory.GetDirectories(_folder.File(name)).Single()).Single();

    private LoadResult Boot(CachedKernel kernel, GuestTools tools, string name, string? seeded)
    {
        File.WriteAllText(_folder.File("m.yml"), "backend: epoll\ndepth: 1\nsize: 512\nblock: memory:1M\nrounds: 1\nops: 1000\n");
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
            Guests = 1,
            Silence = TimeSpan.FromMinutes(5),
            Messages = TextWriter.Null,
        };
        return Assert.Single(RunReader.Read(Assert.Single(session.Run(CancellationToken.None).Folders)).Cells).Load!;
    }
}
