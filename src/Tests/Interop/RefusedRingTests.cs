namespace Harness.Tests;

/// <summary>Where io_uring is refused, one line says by whom and what to do, and poll and epoll still run.</summary>
public sealed class RefusedRingTests
{
    [SkippableTheory]
    [InlineData("uring")]
    [InlineData("uring-poll")]
    public void Serving_on_a_ring_says_that_seccomp_refuses_it(string backend)
    {
        using var refused = new RefusedRing();
        using var folder = new TempDir();
        string uri = $"nbd+unix:///?socket={folder.File("s")}";
        ToolResult result = Tool.Run(refused.Program, HarnessServer.Program, "serve", "--block", "null:1M", "--backend", backend, "--listen", uri);
        Assert.Equal(77, result.ExitCode);
        string line = Assert.Single(result.Errors.TrimEnd().Split('\n'));
        Assert.Contains("seccomp", line);
        Assert.Contains("epoll", line);
        Assert.Empty(result.Output);
    }

    [SkippableTheory]
    [InlineData("poll")]
    [InlineData("epoll")]
    public void The_other_backends_serve_and_load_as_ever(string backend)
    {
        using var refused = new RefusedRing();
        using var folder = new TempDir();
        string uri = $"nbd+unix:///?socket={folder.File("s")}";
        using Child server = Child.Start(refused.Program, [HarnessServer.Program, "serve", "--block", "memory:16M", "--backend", backend, "--listen", uri]);
        Assert.StartsWith("ready ", server.NextLine(TimeSpan.FromSeconds(30)));
        Tool.Run(refused.Program, HarnessServer.Program, "load", uri, "--backend", backend, "--ops", "2000", "--rw", "mix:50", "--verify").Succeeded();
        server.Signal("TERM");
        Assert.Equal(0, server.WaitForExit(TimeSpan.FromSeconds(30)));
    }

    [SkippableFact]
    public void Probe_names_the_cause_and_the_remedy()
    {
        using var refused = new RefusedRing();
        ToolResult result = Tool.Run(refused.Program, HarnessServer.Program, "probe").Succeeded();
        Assert.Contains("seccomp", result.Output);
    }

    [SkippableFact]
    public void Events_are_measured_without_the_variants_that_need_a_ring()
    {
        using var refused = new RefusedRing();
        string[] shape = ["--tokens", "1", "--rounds", "1", "--events", "200"];
        ToolResult result = Tool.Run(refused.Program, [HarnessServer.Program, "events", .. shape]).Succeeded();
        Assert.Contains("skipped uring read-multishot: ", result.Errors);
        Assert.Contains("seccomp", result.Errors);
        Assert.Contains("maxevents-64", result.Output);
        Assert.DoesNotContain("read-multishot", result.Output);
        ToolResult none = Tool.Run(refused.Program, [HarnessServer.Program, "events", "--backend", "uring", .. shape]);
        Assert.Equal(77, none.ExitCode);
        Assert.Equal("harness: no variant that was asked for can run here; the reasons are above", none.Errors.TrimEnd().Split('\n')[^1]);
    }

    [SkippableFact]
    public void A_matrix_skips_the_ring_backends_by_name_and_runs_the_rest()
    {
        using var refused = new RefusedRing();
        using var folder = new TempDir();
        string matrix = folder.File("m.yml");
        File.WriteAllText(matrix, """
            rounds: 1
            duration: 100ms
            warmup: 50ms
            backend: [epoll, uring]
            depth: 1
            rw: read
            block: memory:16M
            """);
        ToolResult result = Tool.Run(refused.Program, HarnessServer.Program, "run", matrix, "--results", folder.File("results")).Succeeded();
        Assert.Contains("seccomp", result.Errors);
        Assert.Contains("uring", result.Errors);
        Assert.Contains("epoll", result.Output);
    }
}
