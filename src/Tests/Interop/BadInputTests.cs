using System.Globalization;
using System.Text.Json;

namespace Harness.Tests;

/// <summary>
/// What a new user gets wrong, tried on the program itself: one line on stderr that says what is wrong and what to do, nothing on stdout, and the exit
/// code.
/// </summary>
public sealed class BadInputTests : IDisposable
{
    private readonly TempDir _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("load nbd://localhost:1 --depth 0 --version", "unknown option '--version'")]
    [InlineData("load nbd://localhost:1 --depth --help", "--depth: '--help' is not a whole number from 1 to 65536")]
    [InlineData("load nbd://localhost:1 --seed 1 --seed 2", "--seed is given 2 times; once is enough")]
    [InlineData("load nbd://localhost:1 --json ", "--json: the value is empty")]
    [InlineData("load nbd://localhost:1 --server-control ", "--server-control: the value is empty")]
    [InlineData("run --results ", "--results: the value is empty")]
    [InlineData("run ", "cannot read the matrix '': the name is empty")]
    [InlineData("run /", "cannot read the matrix '/': it is a folder")]
    [InlineData("load nbd+unix:///", "add ?socket=PATH")]
    [InlineData("load http://localhost", "write nbd://host[:port]/export or nbd+unix:///export?socket=PATH")]
    public void A_bad_argument_is_bad_usage(string commandLine, string words) => OneLine(2, words, commandLine.Split(' '));

    [Theory]
    [InlineData("rouds: 3", "unknown key 'rouds'; did you mean 'rounds'? legal: rounds, seed, ")]
    [InlineData("duration: 3sec", "duration: unknown unit 'sec' in time '3sec'; the units are us, ms and s")]
    [InlineData("size: 4kb", "size: unknown unit 'kb' in size '4kb'; the units are k, M, G and T")]
    [InlineData("backend: [epoll, kqueue]", "unknown backend 'kqueue'; legal: poll, epoll, uring-poll, uring, uring-epoll")]
    [InlineData("depth: [1", "not valid YAML: ")]
    [InlineData("brief: { brief: { depth: 1 } }", "brief: cannot stand under itself")]
    [InlineData("---\ndepth: 1\n---\ndepth: 2", "a second document begins; one matrix is one document")]
    public void A_bad_matrix_is_named_with_its_line(string text, string words)
    {
        var path = _folder.File("m.yml");
        File.WriteAllText(path, text);
        var line = OneLine(2, words, "run", path, "--results", _folder.Path);
        Assert.Matches(@"^harness: \S+/m\.yml:\d+: ", line);
    }

    [Fact]
    public void A_matrix_that_nests_without_end_is_refused()
    {
        var path = _folder.File("m.yml");
        File.WriteAllText(path, "depth: " + new string('[', 100_000));
        OneLine(2, "nested more than", "run", path);
    }

    [Fact]
    public void Nobody_listens_there()
    {
        OneLine(1, "nobody listens here; start the server, or check the address", "load", "nbd://127.0.0.1:1");
        OneLine(1, "there is no such socket; start the server, or check the path", "load", $"nbd+unix:///?socket={_folder.File("none")}");
    }

    [Fact]
    public void A_results_folder_that_cannot_be_written_says_why()
    {
        File.WriteAllText(_folder.File("file"), "");
        OneLine(1, $"'{_folder.File("file")}' is a file, not a folder; choose another place with --results DIR", "run", "--results", _folder.File("file"));
        OneLine(1, "choose another place with --results DIR", "run", "--results", "/proc/none");
    }

    [Theory]
    [InlineData("--json")]
    [InlineData("--hgrm")]
    [InlineData("--hlog")]
    public void A_result_that_could_not_be_written_is_refused_before_anything_is_measured(string option)
    {
        // Nobody listens there: had it been tried, the error would be another.
        OneLine(1, $"cannot write {option} '/none/x': there is no folder '/none'; make it, or write elsewhere", "load", "nbd://127.0.0.1:1", option, "/none/x");
        OneLine(1, $"cannot write {option} '/': it is a folder", "load", "nbd://127.0.0.1:1", option, "/");
        OneLine(1, "nobody listens", "load", "nbd://127.0.0.1:1", option, _folder.File("new"));
        Assert.False(File.Exists(_folder.File("new")));
    }

    [Fact]
    public void A_run_whose_json_cannot_be_written_does_not_begin()
    {
        OneLine(1, "cannot write --json '/none/x'", "run", "--brief", "--results", _folder.Path, "--json", "/none/x");
        Assert.Empty(Directory.GetDirectories(_folder.Path));
    }

    [Fact]
    public void Output_that_cannot_be_written_is_no_bug()
    {
        var full = Tool.Run("/bin/sh", "-c", $"'{HarnessServer.Program}' probe >/dev/full");
        Assert.Equal(1, full.ExitCode);
        Assert.Equal("harness: cannot write to standard output: No space left on device\n", full.Errors);
    }

    [Fact]
    public void Two_signals_at_once_are_one_request_to_stop()
    {
        // timeout(1) sends SIGTERM to its child, and again to the group that its child is in.
        File.WriteAllText(_folder.File("m.yml"), "backend: epoll\nrounds: 1\nduration: 60s\nwarmup: 0s\n");
        using var run = Child.Start(HarnessServer.Program, ["run", _folder.File("m.yml"), "--results", _folder.File("results")]);
        string results = _folder.File("results");
        bool HasCells() => Directory.Exists(results) && Directory.GetFiles(results, "cells.jsonl", SearchOption.AllDirectories).Length > 0;
        SpinWait.SpinUntil(HasCells, Tool.Deadline);
        using (var kill = System.Diagnostics.Process.Start("/bin/sh", ["-c", $"sleep 1; kill -TERM {run.Id}; sleep 0.05; kill -TERM {run.Id}"]))
        {
            kill.WaitForExit();
        }
        Assert.True(run.WaitForExit(Tool.Deadline) == 1, run.Errors);
        Assert.Contains("harness run: interrupted; 0 measurements are kept", run.Errors, StringComparison.Ordinal);
        var record = Directory.GetFiles(_folder.File("results"), "run.json", SearchOption.AllDirectories).Single();
        Assert.Contains("\"status\": \"interrupted\"", File.ReadAllText(record), StringComparison.Ordinal);
    }

    [Fact]
    public void The_interval_log_ends_where_the_measured_part_ends_and_not_after_the_last_sweep()
    {
        using var server = HarnessServer.Start("epoll", HarnessServer.Unix, "memory:64M");
        string[] shape = ["--rw", "write", "--pattern", "sequential", "--ops", "16384", "--depth", "1", "--warmup", "0s", "--backend", "epoll", "--verify"];
        var load = Tool.Run(HarnessServer.Program, ["load", server.Uri, .. shape, "--hlog", _folder.File("l"), "--json", "-"]).Succeeded();
        var seconds = JsonDocument.Parse(load.Output).RootElement.GetProperty("seconds").GetDouble();
        var logged = File.ReadLines(_folder.File("l"))
            .Where(line => char.IsAsciiDigit(line[0]))
            .Sum(line => double.Parse(line.Split(',')[1], CultureInfo.InvariantCulture));
        Assert.InRange(logged, seconds - 0.01, seconds + 0.002);
    }

    private static string OneLine(int exitCode, string words, params string[] arguments)
    {
        var result = Tool.Run(HarnessServer.Program, arguments);
        Assert.True(result.ExitCode == exitCode, result.ToString());
        Assert.Empty(result.Output);
        Assert.Contains(words, result.Errors, StringComparison.Ordinal);
        Assert.EndsWith("\n", result.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', result.Errors.TrimEnd('\n'));
        return result.Errors;
    }
}
