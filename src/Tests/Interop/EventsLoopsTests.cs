using System.Text.Json;
using Harness.Events;

namespace Harness.Tests.Interop;

/// <summary><c>harness events --timers</c> and <c>--idle</c>, from the command line to the files.</summary>
public sealed class EventsLoopsTests
{
    [Fact]
    public void Timers_tell_of_each_backend_and_leave_a_folder()
    {
        using var folder = new TempDir();
        string json = folder.File("timers.json");
        var run = VerbConsole.Invoke(
            "events", "--timers", "5k", "--duration", "50ms", "--backend", "epoll,poll", "--json", json, "--results", folder.File("results"));
        Assert.Equal((0, ""), (run.Code, string.Concat(run.Error.Split('\n').Where(line => !line.StartsWith("warning", StringComparison.Ordinal) && !line.StartsWith("results: ", StringComparison.Ordinal)))));
        Assert.Contains("5,000 timers a second armed and as many cancelled, 500 running", run.Output);

        JsonElement[] backends = [.. JsonDocument.Parse(File.ReadAllText(json)).RootElement.EnumerateArray()];
        Assert.Equal(["epoll", "poll"], backends.Select(backend => backend.GetProperty("backend").GetString()));
        foreach (JsonElement backend in backends)
        {
            double seconds = backend.GetProperty("seconds").GetDouble();
            Assert.True(seconds >= 0.05, $"{seconds}");
            // As many as the schedule has until its end, however late that came.
            Assert.Equal(250, backend.GetProperty("armed_per_second").GetDouble() * seconds, 3);
            Assert.Equal(250, backend.GetProperty("cancelled_per_second").GetDouble() * seconds, 3);
            Assert.Equal(0, backend.GetProperty("allocated_bytes").GetInt64());
            Assert.Equal(0, backend.GetProperty("fired_early").GetInt64());
            Assert.True(backend.GetProperty("lateness_us").GetProperty("count").GetInt64() > 0);
        }

        string results = Assert.Single(Directory.GetDirectories(folder.File("results"), "*-events-timers-*", SearchOption.AllDirectories));
        JsonElement record = JsonDocument.Parse(File.ReadAllText(Path.Combine(results, "events.json"))).RootElement;
        Assert.Equal("timers", record.GetProperty("mode").GetString());
        Assert.Equal(File.ReadAllText(json).Split('\n').Select(line => line.Trim()), record.GetProperty("timers").ToString().Split('\n').Select(line => line.Trim()).Append(""));
        Assert.Contains("| epoll | ", File.ReadAllText(Path.Combine(results, "events.md")));
        Assert.Equal(["backend=epoll.hgrm", "backend=poll.hgrm"], Directory.GetFiles(Path.Combine(results, "hgrm")).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Idle_connections_wake_the_loop_one_at_a_time()
    {
        var run = VerbConsole.Invoke("events", "--idle", "2,1000", "--rounds", "1", "--backend", "epoll", "--json", "-");
        Assert.True(run.Code == 0, run.Error);
        JsonElement[] tests = [.. JsonDocument.Parse(run.Output).RootElement.EnumerateArray()];
        Assert.Equal([2, 1000], tests.Select(test => test.GetProperty("connections").GetInt32()));
        foreach (JsonElement test in tests)
        {
            Assert.True(Median(test, "wake_up_cpu_us") > 0);
            Assert.True(Median(test, "wake_up_latency_us") > 0);
            // One wait that the message ends, and the handler's receive; another wait where something else woke it.
            Assert.InRange(Median(test, "syscalls_per_wake_up")!.Value, 2, 3);
        }

        Assert.Null(Median(tests[0], "managed_bytes_per_connection"));
        Assert.InRange(Median(tests[1], "managed_bytes_per_connection")!.Value, 50, 2000);
    }

    [Theory]
    [InlineData("--timers and --idle are tests of their own", "--timers", "1k", "--idle", "1")]
    [InlineData("--duration goes with --timers", "--idle", "1", "--duration", "1s")]
    [InlineData("too short to measure", "--timers", "1k", "--duration", "1ms")]
    [InlineData("at most 10M timers", "--timers", "20M")]
    [InlineData("is not a rate", "--timers", "many")]
    [InlineData("from 1 to 100000", "--idle", "1,0")]
    [InlineData("did you mean 'epoll'", "--idle", "1", "--backend", "epol")]
    public void What_makes_no_sense_is_one_line_and_exit_code_2(string line, params string[] arguments)
    {
        var run = VerbConsole.Invoke(["events", .. arguments]);
        Assert.Equal((2, ""), (run.Code, run.Output));
        Assert.Contains(line, Assert.Single(run.Error.TrimEnd().Split('\n')));
    }

    [SkippableFact]
    public void More_connections_than_descriptors_are_refused_before_anything_is_measured()
    {
        ToolResult result = Tool.Run(
            Requires.Tool("prlimit"), "--nofile=256:256", HarnessServer.Program, "events", "--idle", "1", "--rounds", "1", "--backend", "epoll");
        Skip.If(result.ExitCode == 0, "this user may raise the limit");
        Assert.Equal(1, result.ExitCode);
        Assert.Contains("ulimit -n 301", Assert.Single(result.Errors.TrimEnd().Split('\n')));
    }

    [SkippableFact]
    public void Without_io_uring_the_others_are_measured_and_a_ring_alone_is_nothing_to_run()
    {
        using var refused = new RefusedRing();
        string[] timers = [HarnessServer.Program, "events", "--timers", "1k", "--duration", "20ms", "--backend"];
        ToolResult both = Tool.Run(refused.Program, [.. timers, "uring,epoll"]).Succeeded();
        Assert.Contains("left out uring: ", both.Errors);
        Assert.Contains(" epoll ", both.Output);
        Assert.Equal(77, Tool.Run(refused.Program, [.. timers, "uring"]).ExitCode);
    }

    [Fact]
    public void A_folder_that_cannot_be_made_is_refused_before_anything_is_measured()
    {
        using var folder = new TempDir();
        File.WriteAllText(folder.File("file"), "");
        var run = VerbConsole.Invoke("events", "--timers", "1k", "--results", folder.File("file/results"));
        Assert.Equal((1, ""), (run.Code, run.Output));
        Assert.Contains("choose another place with --results", Assert.Single(run.Error.TrimEnd().Split('\n')));
    }

    [Fact]
    public void The_load_arms_cancels_and_fires_as_its_schedule_says()
    {
        using var load = new TimerLoad("poll", 20_000, seed: 7);
        load.Run(TimeSpan.FromMilliseconds(100));
        load.Run(TimeSpan.FromMilliseconds(100));
        Assert.Equal((2, 4000, 4000, 0), (load.Totals.Slices, load.Totals.Armed, load.Totals.Cancelled, load.Totals.Early));
        Assert.True(load.LatenessNs.TotalCount > 0);
        load.Forget();
        Assert.Equal((0, 0), (load.Totals.Armed, load.LatenessNs.TotalCount));
    }

    private static double? Median(JsonElement test, string member) =>
        test.GetProperty(member) is { ValueKind: JsonValueKind.Object } spread ? spread.GetProperty("median").GetDouble() : null;
}
