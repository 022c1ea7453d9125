using System.Text.Json;
using Harness.Compare;
using Harness.Results;
using Harness.Serve;
using Harness.Tests.Unit;

namespace Harness.Tests.Interop;

/// <summary><c>compare --confirm</c> with real programs and cells of some milliseconds.</summary>
public sealed class ConfirmProcessTests : IDisposable
{
    private const int Rounds = 5;
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(4);

    private readonly TempDir _folder = new();

    public void Dispose() => _folder.Dispose();

    [SkippableFact]
    public void A_false_alarm_of_the_same_program_is_not_confirmed_and_exits_0()
    {
        Skip.IfNot(TestScale.Full, "takes half a minute of measuring, ./run.sh test --full; the judge itself has its tests on scripted machines");
        Make(SlowerP50);
        // Alone it is a regression.
        Assert.Equal(3, Compare().Code);
        var (code, said) = Compare("--confirm", "--json", _folder.File("c.json"), "--junit", _folder.File("c.xml"), "--markdown", _folder.File("c.md"));
        Assert.True(code == 0, said);
        Assert.Contains("confirmation: 0 of 1 suspect figure confirmed by 5 fresh rounds of each build, in ", said.Replace('\n', ' '));
        Assert.Contains("not confirmed", File.ReadAllText(_folder.File("c.md")));
        Assert.Contains("at first worse, measured again", File.ReadAllText(_folder.File("c.xml")));
        var confirmation = JsonSerializer.Deserialize(File.ReadAllText(_folder.File("c.json")), ResultsJson.Document.CompareDocument)!.Confirmation!;
        Assert.Equal((1, 0, Rounds), (confirmation.Suspects, confirmation.Confirmed, confirmation.Rounds));
        // Beside NEW, a run per round, of the suspect alone.
        Assert.Equal(_folder.Path, Path.GetDirectoryName(Path.GetFullPath(Path.Combine(_folder.Path, confirmation.Results!))));
        var fresh = RunPool.Read(Path.Combine(_folder.Path, confirmation.Results!, "new"));
        Assert.Equal(Rounds, fresh.Runs.Count);
        Assert.All(fresh.Records, record => Assert.Equal("epoll", record.Axes["backend"]));
    }

    // A count, which a busy machine does not hide; with the full numbers also a time, in the loop that spins.
    [Fact]
    public void A_seeded_regression_is_confirmed_and_exits_3()
    {
        foreach (string kind in TestScale.Pick<string[]>([SeededRegression.SystemCall], [SeededRegression.SystemCall, SeededRegression.BusyWait]))
        {
            bool counted = kind == SeededRegression.SystemCall;
            Make(
                load => counted ? load with { Server = load.Server! with { SyscallsPerOp = 1.031 } } : SlowerP50(load),
                $"backend: epoll\nblock: memory:4M\n{(counted ? "depth: 64" : "depth: 1\nwait: spin")}\n",
                kind);
            File.WriteAllText(_folder.File("slower"), $"#!/bin/sh\n{SeededRegression.Variable}={kind} exec '{HarnessServer.Program}' \"$@\"\n");
            Tool.Run("chmod", "+x", _folder.File("slower")).Succeeded();
            // The right build with another switch set is still not what was measured.
            var (other, line) = Run(["compare", _folder.File("base"), _folder.File("new"), "--gate", "timed", "--confirm", "--results", _folder.File("none")]);
            Assert.Equal(2, other);
            Assert.Contains($"NEW was measured with the seeded regression '{kind}', and its program has another one now", line);
            string[] confirm = ["--confirm", "--new-program", _folder.File("slower"), "--results", _folder.File("fresh")];
            var (code, said) = Run(["compare", _folder.File("base"), _folder.File("new"), "--gate", "timed", "--min-effect", "20%", .. confirm]);
            Assert.True(code == 3, said);
            Assert.Contains("confirmation: 1 of 1 suspect figure confirmed by 5 fresh rounds of each build, in ", said.Replace('\n', ' '));
            Assert.All(RunPool.Read(_folder.File("fresh/new")).Runs, run => Assert.Equal(kind, run.Run.SeededRegression));
            foreach (string used in (string[])["base", "new", "none", "fresh"])
            {
                Directory.Delete(_folder.File(used), recursive: true);
            }
            File.Delete(_folder.File("slower"));
        }
    }

    [Theory]
    [MemberData(nameof(ServerCases.Interruptions), MemberType = typeof(ServerCases))]
    public void Interrupted_it_exits_1_and_leaves_valid_folders(string signal)
    {
        Make(SlowerP50);
        string results = _folder.File("fresh");
        using var compare = Child.Start(HarnessServer.Program, Arguments("--confirm", "--results", results), Environment);
        var deadline = DateTime.UtcNow + s_patience;
        while (!Directory.Exists(Path.Combine(results, "new")) || RunPool.RunFolders(Path.Combine(results, "new")) is [var one] && !File.Exists(Path.Combine(one, "run.json")))
        {
            Assert.True(DateTime.UtcNow < deadline, compare.Errors);
            Thread.Sleep(10);
        }
        compare.Signal(signal);
        Assert.Equal(1, compare.WaitForExit(s_patience));
        Assert.Contains("so nothing is confirmed; what was measured is in '", compare.Errors);
        foreach (string side in (string[])["base", "new"])
        {
            Assert.All(RunPool.Read(Path.Combine(results, side)).Runs, run => Assert.NotEqual(RunStatus.Running, run.Run.Status));
        }
    }

    [Fact]
    public void Programs_and_folders_that_will_not_do_are_one_line_before_anything_is_measured()
    {
        Make(SlowerP50);
        OneLine(2, "--new-program 'none' does not exist; give the harness executable of that build", "--confirm", "--new-program", "none");
        OneLine(2, "--base-program: '/bin/false probe --json -' should say which build it is, and it ended with exit code 1", "--confirm", "--base-program", "/bin/false");
        OneLine(2, "--base-program: '/bin/echo probe --json -' should say which build it is, and it answers no JSON", "--confirm", "--base-program", "/bin/echo");
        OneLine(2, "holds runs already, which would count as fresh rounds; give another folder", "--confirm", "--results", _folder.Path);
        OneLine(2, "--results says how to --confirm; give that too", "--results", "x");
        OneLine(2, "--confirm measures both sides on this machine, so no --factor can differ", "--confirm", "--factor", "kernel");
        string file = Path.Combine(RunFolder("new"), RunReader.RunFile);
        string json = File.ReadAllText(file);
        File.WriteAllText(file, json.Replace(RunReader.Read(RunFolder("new")).Run.Build!, "0123456789ab", StringComparison.Ordinal));
        OneLine(2, "build 0123456789ab); give that one with --new-program PATH", "--confirm");
        Assert.Equal(["base", "new"], Directory.GetDirectories(_folder.Path).Select(Path.GetFileName).Where(name => name != "tmp").Order());
    }

    private void OneLine(int code, string expected, params string[] options)
    {
        var (ended, said) = Compare(options);
        Assert.Contains(expected, said);
        Assert.Equal((code, 1), (ended, said.Count(c => c == '\n')));
    }

    /// <summary>
    /// Runs of both sides: measured once, for what the program says of itself and of the machine, with five rounds of figures that are written by hand and
    /// are all the same but for what <paramref name="slow"/> does to NEW's.
    /// </summary>
    private void Make(Func<LoadResult, LoadResult> slow, string matrix = "backend: [poll, epoll]\ndepth: 4\nblock: memory:4M\n", string? seeded = null)
    {
        File.WriteAllText(_folder.File("tiny.yml"), matrix + "rounds: 1\nduration: 20ms\nwarmup: 10ms\n");
        var (code, said) = Run("run", _folder.File("tiny.yml"), "--results", _folder.File("base"));
        Assert.True(code == 0, said);
        var measured = RunReader.Read(RunFolder("base")).Cells;
        string header = Path.Combine(Path.GetRelativePath(_folder.File("base"), RunFolder("base")), RunReader.RunFile);
        Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(_folder.File("new"), header))!);
        string run = File.ReadAllText(Path.Combine(_folder.File("base"), header));
        Assert.Contains("\"seeded_regression\": null", run);
        string changed = seeded is null ? run : run.Replace("\"seeded_regression\": null", $"\"seeded_regression\": \"{seeded}\"", StringComparison.Ordinal);
        File.WriteAllText(Path.Combine(_folder.File("new"), header), changed);
        Write("base", measured, 0, load => load);
        Write("new", measured, 1, slow);
    }

    private void Write(string side, IReadOnlyList<CellRecord> measured, int turn, Func<LoadResult, LoadResult> change)
    {
        var lines =
            from round in Enumerable.Range(1, Rounds)
            from record in measured
            let latency = record.Load!.LatencyUs! with { P50 = 50, P99 = 90 }
            let load = ResultsSamples.Ok(new Matrix.Cell(record.Axes), round, 1000).Load! with { LatencyUs = latency }
            select JsonSerializer.Serialize(
                record with
                {
                    Round = round,
                    Started = ResultsSamples.Noon.AddMinutes((2 * round) + turn),
                    Load = record.Axes["backend"] == "epoll" ? change(load) : load,
                },
                ResultsJson.Line.CellRecord);
        File.WriteAllText(Path.Combine(RunFolder(side), CellLines.PlainFile), string.Concat(lines.Select(line => line + "\n")));
    }

    private static LoadResult SlowerP50(LoadResult load) => load with { LatencyUs = load.LatencyUs! with { P50 = 1000 } };

    private string RunFolder(string side) => RunPool.RunFolders(_folder.File(side)).Single();

    private Dictionary<string, string?> Environment => new() { ["TMPDIR"] = Directory.CreateDirectory(_folder.File("tmp")).FullName };

    // So large an effect that no neighbour makes a suspect of the same program.
    private string[] Arguments(params string[] options) =>
        ["compare", _folder.File("base"), _folder.File("new"), "--gate", "timed", "--min-effect", "300%", .. options];

    private (int Code, string Said) Compare(params string[] options) => Run(Arguments(options));

    private (int Code, string Said) Run(params string[] arguments)
    {
        using var harness = Child.Start(HarnessServer.Program, arguments, Environment);
        int? code = harness.WaitForExit(s_patience);
        return (code ?? -1, harness.Output + harness.Errors);
    }
}
