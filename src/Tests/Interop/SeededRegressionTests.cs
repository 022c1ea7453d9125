using System.Text.Json;
using Harness.Io;
using Harness.Results;
using Harness.Serve;

namespace Harness.Tests.Interop;

/// <summary>The regressions that a server can have on purpose cost what they say: by arithmetic, on every backend.</summary>
public sealed class SeededRegressionTests
{
    private const int Ops = 3000;

    // Counters are read from outside, in the middle of something: a few calls, or a list that grows.
    private const double EdgeCalls = 8;
    private const double EdgeBytes = 8192;

    public static TheoryData<string> Backends { get; } = [.. LoopBackends.All];

    [SkippableTheory]
    [MemberData(nameof(Backends))]
    public void A_system_call_is_one_more_call_per_request_and_on_a_ring_one_more_entry_and_one_more_enter(string backend)
    {
        var plain = Load(null, backend).Server!;
        var seeded = Load(SeededRegression.SystemCall, backend).Server!;
        AssertMore(1, plain.SyscallsPerOp, seeded.SyscallsPerOp, EdgeCalls);
        Assert.Equal(plain.AllocatedBytesPerOp!.Value, seeded.AllocatedBytesPerOp!.Value, EdgeBytes / Ops);
        if (backend == "uring")
        {
            AssertMore(1, plain.EntersPerOp, seeded.EntersPerOp, EdgeCalls);
            AssertMore(1, plain.SqesByOpcodePerOp!["RECV"], seeded.SqesByOpcodePerOp!["RECV"], EdgeCalls);
        }
    }

    [SkippableTheory]
    [MemberData(nameof(Backends))]
    public void Not_even_a_ring_does_several_of_the_calls_at_once(string backend)
    {
        var seeded = Load(SeededRegression.SystemCall, backend, "--depth", "32").Server!;
        Assert.True(seeded.SyscallsPerOp >= 1 - (EdgeCalls / Ops), $"{seeded.SyscallsPerOp} calls per request");
    }

    [SkippableTheory]
    [MemberData(nameof(Backends))]
    public void An_allocation_is_24_bytes_more_per_request(string backend)
    {
        var plain = Load(null, backend).Server!;
        var seeded = Load(SeededRegression.Allocation, backend).Server!;
        AssertMore(24, plain.AllocatedBytesPerOp, seeded.AllocatedBytesPerOp, EdgeBytes);

        // A machine that stands still for a moment lets a ring take two completions with one call, so a pair is measured again before it is held to be unlike.
        for (int again = 0; again < 4 && Math.Abs(plain.SyscallsPerOp!.Value - seeded.SyscallsPerOp!.Value) > 2 * EdgeCalls / Ops; again++)
        {
            plain = Load(null, backend).Server!;
            seeded = Load(SeededRegression.Allocation, backend).Server!;
        }

        Assert.Equal(plain.SyscallsPerOp!.Value, seeded.SyscallsPerOp!.Value, 2 * EdgeCalls / Ops);
    }

    [SkippableTheory]
    [MemberData(nameof(Backends))]
    public void A_busy_wait_is_5_us_more_per_request_however_many_come_at_once(string backend)
    {
        var seeded = Load(SeededRegression.BusyWait, backend, "--depth", "32");
        Assert.True(seeded.Seconds >= seeded.Ops * 5e-6, $"{seeded.Ops} requests took {seeded.Seconds} s");
        Assert.True(seeded.ServiceUs!.Min >= 5, $"a request took {seeded.ServiceUs.Min} µs");
    }

    [Fact]
    public void The_server_says_that_it_is_on_and_reads_and_writes_as_ever()
    {
        foreach (string kind in SeededRegression.Kinds)
        {
            using HarnessServer server = HarnessServer.StartSeeded(kind, "epoll");
            Tool.Run(HarnessServer.Program, "load", server.Uri, "--rw", "mix:50", "--depth", "16", "--ops", "500", "--warmup", "0s", "--verify").Succeeded();
            server.Stop();
            Assert.Contains($"harness serve: HARNESS_SEEDED_REGRESSION={kind}: every request costs ", server.Errors);
        }
    }

    [Theory]
    [InlineData("serve")]
    [InlineData("run")]
    public void An_unknown_one_is_one_line_and_bad_usage(string verb)
    {
        var environment = new Dictionary<string, string?> { [SeededRegression.Variable] = "sleep" };
        using var folder = new TempDir();
        File.WriteAllText(folder.File("m.yml"), "backend: epoll\n");
        string[] arguments = verb == "serve"
            ? ["serve", "--listen", $"nbd+unix:///?socket={folder.File("s")}"]
            : ["run", folder.File("m.yml"), "--results", folder.File("results")];
        ToolResult result = Tool.Run(HarnessServer.Program, arguments, environment);
        Assert.Equal(2, result.ExitCode);
        Assert.Equal("harness: HARNESS_SEEDED_REGRESSION=sleep: there is no such regression; legal: system-call, allocation, busy-wait, instructions:N; or unset it\n", result.Errors);
        Assert.Equal("", result.Output);
    }

    [Fact]
    public void A_run_records_it_and_may_still_be_compared_to_one_without()
    {
        using var folder = new TempDir();
        File.WriteAllText(folder.File("m.yml"), "backend: epoll\ndepth: 64\nblock: memory:4M\nrounds: 1\nduration: 1s\nwarmup: 50ms\n");
        RunRecord plain = Run(folder, null);
        RunRecord seeded = Run(folder, SeededRegression.Allocation);
        Assert.Null(plain.SeededRegression);
        Assert.Equal(SeededRegression.Allocation, seeded.SeededRegression);
        Assert.Contains(seeded.Warnings, warning => warning.Id == "seeded-regression");
        Assert.Equal(plain.FingerprintHash, seeded.FingerprintHash);
        ToolResult compare = Tool.Run(HarnessServer.Program, "compare", folder.File("plain"), folder.File(SeededRegression.Allocation), "--json", folder.File("c.json"));
        Assert.True(compare.ExitCode == 3, compare.ToString());
        Assert.Contains("NEW has a seeded regression, allocation", compare.Output);
        Assert.Contains("\"decided_by\": \"server.allocated_bytes_per_op\"", File.ReadAllText(folder.File("c.json")));
    }

    private static RunRecord Run(TempDir folder, string? kind)
    {
        string results = folder.File(kind ?? "plain");
        var environment = new Dictionary<string, string?> { [SeededRegression.Variable] = kind };
        Tool.Run(HarnessServer.Program, ["run", folder.File("m.yml"), "--results", results], environment).Succeeded();
        return RunReader.Read(Directory.GetDirectories(Directory.GetDirectories(results).Single()).Single()).Run;
    }

    private static LoadResult Load(string? kind, string backend, params string[] more)
    {
        using var folder = new TempDir();
        using HarnessServer server = HarnessServer.StartSeeded(kind, backend, "--control", folder.File("control"));
        string[] shape = [.. more.Contains("--depth") ? more : ["--depth", "1", .. more], "--ops", $"{Ops}", "--backend", backend];
        ToolResult load = Tool.Run(HarnessServer.Program, ["load", server.Uri, .. shape, "--server-control", folder.File("control"), "--json", "-"]);
        return JsonSerializer.Deserialize(load.Succeeded().Output, ResultsJson.Document.LoadResult)!;
    }

    private static void AssertMore(double more, double? plain, double? seeded, double edge) =>
        Assert.Equal(plain!.Value + more, seeded!.Value, 2 * edge / Ops);
}
