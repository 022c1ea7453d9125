using System.Text.Json;
using System.Text.Json.Nodes;
using System.Xml.Linq;
using Harness.Results;

namespace Harness.Tests.Unit;

public sealed class CompareVerbTests : IDisposable
{
    private readonly TempDir _folder = new();
    private readonly CompareSamples _samples;

    public CompareVerbTests() => _samples = new CompareSamples(_folder);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Exit_0_where_nothing_is_worse()
    {
        var (code, output, error) = Compare(_samples.Run("base"), _samples.Run("new", turn: 1));
        Assert.Equal((0, ""), (code, error));
        Assert.EndsWith("verdict: same (2 cells: 2 same)\n", output);
        Assert.All(output.Split('\n'), line => Assert.True(line.Length <= Harness.Report.ReportConsole.Width, line));
    }

    [Fact]
    public void Exit_3_on_a_regression()
    {
        var (code, output, _) = Compare(_samples.Run("base"), Worse());
        Assert.Equal(3, code);
        Assert.Contains(" 1      epoll    worse    server.syscalls_per_op  3.00  4.00    1.3333  ", output);
        Assert.EndsWith("verdict: worse (2 cells: 1 worse, 1 same)\n", output);
    }

    [Fact]
    public void Exit_2_across_fingerprints_with_the_line_that_differs()
    {
        var other = _samples.Run("new", run: run => run with { Environment = run.Environment with { CpuModel = "Other CPU", Clocksource = "hpet" } });
        var (code, output, error) = Compare(_samples.Run("base"), other);
        Assert.Equal((2, ""), (code, output));
        Assert.Equal(
            "harness: no verdict across different fingerprints: environment.cpu_model is 'Example CPU(TM) 9000' in BASE and 'Other CPU' in NEW; "
            + "compare runs of one machine in one state; of what may differ only the kernel can be declared: --factor kernel\n",
            error);
    }

    [Fact]
    public void A_run_of_before_a_fact_was_recorded_is_compared_and_the_fact_is_told()
    {
        RunRecord Halting(RunRecord run) => run with
        {
            Environment = run.Environment with { IdleDriver = "haltpoll", IdleGovernor = "haltpoll", GuestHaltPollNs = 0 },
        };
        var (was, now) = (_samples.Run("base", run: Halting), _samples.Run("new", turn: 1, run: Halting));
        string path = Path.Combine(was, "run.json");
        JsonNode json = JsonNode.Parse(File.ReadAllText(path))!;
        Assert.All((string[])["idle_driver", "idle_governor", "guest_halt_poll_ns"], name => Assert.True(json["environment"]!.AsObject().Remove(name)));
        File.WriteAllText(path, json.ToJsonString());
        var (code, output, _) = Compare(was, now);
        Assert.Equal(0, code);
        Assert.Contains("not known to match: environment.guest_halt_poll_ns is 'not recorded' in BASE and '0' in NEW", output);
    }

    [Fact]
    public void Exit_77_where_not_one_figure_could_be_judged()
    {
        string skipped = _samples.Run("new", record: record => record with { Status = CellStatus.Skipped, Reason = "io_uring is refused", Load = null });
        var (code, output, error) = Compare(_samples.Run("base"), skipped);
        Assert.Equal((77, "harness compare: not one figure could be judged; the reasons are above\n"), (code, error));
        Assert.Contains("no figures in NEW: io_uring is refused", output);

        string empty = _samples.Run("empty", rounds: 0);
        Assert.Equal((77, "harness compare: the runs hold no cells\n"), Compare(empty, empty) is var result ? (result.Code, result.Error) : default);
    }

    [Theory]
    [InlineData("", "harness compare: it takes two runs, BASE and NEW, or --history DIR (harness compare --help explains)")]
    [InlineData("a b --gate tmed", "harness compare: --gate: unknown gate 'tmed'; did you mean 'timed'? legal: counted, timed, all (harness compare --help explains)")]
    [InlineData("a b --min-effect 3", "harness compare: --min-effect: '3' is not a percentage; write one like 3% or 0.5% (harness compare --help explains)")]
    [InlineData("a b --factor cpu", "harness compare: --factor: unknown factor 'cpu'; legal: kernel (harness compare --help explains)")]
    [InlineData("a b --json - --junit -", "harness compare: only one of --format, --json, --markdown and --junit can have stdout (harness compare --help explains)")]
    [InlineData("a b --format yaml", "harness compare: --format: unknown format 'yaml'; legal: text, json, markdown, junit (harness compare --help explains)")]
    [InlineData("a --history b", "harness compare: --history takes neither BASE and NEW, nor --markdown and --junit (harness compare --help explains)")]
    [InlineData("a b", "harness: 'a' does not exist; give a folder that harness run wrote, like results/<machine>/<date>-<matrix>-<commit>")]
    public void Exit_2_and_one_line_for_bad_usage(string arguments, string line)
    {
        var (code, output, error) = VerbConsole.Invoke(["compare", .. arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries)]);
        Assert.Equal((2, "", line + "\n"), (code, output, error));
    }

    [Theory]
    [InlineData("{ \"schema\": 1")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{ \"schema\": 1, \"matrix\": null }")]
    [InlineData("{ \"schema\": 0 }")]
    public void A_truncated_or_edited_run_is_one_clear_line(string runJson)
    {
        string now = _samples.Run("new");
        File.WriteAllText(Path.Combine(now, RunReader.RunFile), runJson);
        var (code, output, error) = Compare(_samples.Run("base"), now);
        Assert.Equal((1, ""), (code, output));
        Assert.StartsWith("harness: cannot read '", error);
        Assert.Equal(1, error.Count(c => c == '\n'));
        Assert.DoesNotContain("bug", error);
    }

    [Fact]
    public void Truncated_and_edited_records_are_left_out_and_named()
    {
        string now = _samples.Run("new", turn: 1);
        string path = Path.Combine(now, CellLines.PlainFile);
        string[] lines = File.ReadAllLines(path);
        string edited = lines[3].Replace("\"ops\":", "\"ops\":-", StringComparison.Ordinal);
        File.WriteAllText(path, string.Join('\n', [lines[0], lines[0], .. lines[1..3], edited, .. lines[4..^1], lines[^1][..50]]));
        var (code, output, _) = Compare(_samples.Run("base"), now);
        Assert.Equal(0, code);
        string unfolded = output.Replace("\n", " ", StringComparison.Ordinal);
        Assert.Contains($"{CompareSamples.DepthOne.Id} round 1 is there twice", unfolded);
        Assert.Contains("counts no operations though it is ok", unfolded);
        Assert.Contains("damaged, left out (50 characters", unfolded);
    }

    [Fact]
    public void Json_has_every_figure_with_what_led_to_its_verdict()
    {
        var (code, output, _) = Compare(_samples.Run("base"), Worse(), "--json", "-");
        Assert.Equal(3, code);
        using var json = JsonDocument.Parse(output);
        var root = json.RootElement;
        Assert.Equal((1, "worse", "counted"), (root.GetProperty("schema").GetInt32(), Text(root, "verdict"), Text(root, "gate")));
        Assert.Equal((0.03, true), (root.GetProperty("min_effect").GetDouble(), root.GetProperty("in_turns").GetBoolean()));
        var cell = root.GetProperty("cells").EnumerateArray().Single(cell => Text(cell, "cell") == CompareSamples.DepthOne.Id);
        Assert.Equal("server.syscalls_per_op", Text(cell, "decided_by"));
        var figure = cell.GetProperty("figures").EnumerateArray().Single(figure => Text(figure, "figure") == "iops");
        Assert.Equal(("timed", false), (Text(figure, "kind"), figure.GetProperty("gated").GetBoolean()));
        Assert.True(figure.GetProperty("ratio_low").GetDouble() <= figure.GetProperty("ratio_high").GetDouble());

        static string? Text(JsonElement element, string name) => element.GetProperty(name).GetString();
    }

    [Fact]
    public void Markdown_is_a_heading_a_table_and_folded_details()
    {
        var (_, output, _) = Compare(_samples.Run("base"), Worse(), "--format", "markdown");
        Assert.StartsWith("## verdict: worse (2 cells: 1 worse, 1 same)\n\n- BASE sample · 0123456789 · ", output);
        Assert.Contains("\n| depth | backend | verdict | decided by | base | new | new/base | iops new/base |\n| --- | --- |", output);
        Assert.Contains("\n| 1 | epoll | **worse** | server.syscalls_per_op | 3.00 | 4.00 | 1.3333 | ", output);
        Assert.Contains("<details><summary>Differences that this gate does not look at (1)</summary>\n\n- worse: backend=uring,depth=64,rw=read: server.syscalls_per_op ", output);
    }

    [Fact]
    public void JUnit_has_a_case_per_cell_and_a_failure_where_it_is_worse()
    {
        string path = _folder.File("junit.xml");
        // What a terminal's escape does in a failure's reason must not make the file unreadable.
        string now = _samples.Run("new", turn: 1, record: record => record.Cell == CompareSamples.Deep.Id
            ? record with { Status = CellStatus.Failed, Reason = "\u001b[31m<died> & gone", Load = null }
            : record);
        var (code, output, _) = Compare(_samples.Run("base"), now, "--junit", path);
        Assert.Equal(3, code);
        Assert.Contains("verdict: worse", output);
        var suite = XDocument.Load(path).Root!.Element("testsuite")!;
        Assert.Equal(("2", "1", "0"), (Attribute(suite, "tests"), Attribute(suite, "failures"), Attribute(suite, "skipped")));
        var failed = suite.Elements("testcase").Single(test => test.Element("failure") is not null);
        Assert.Equal(CompareSamples.Deep.Id, Attribute(failed, "name"));
        Assert.EndsWith("<died> & gone", Attribute(failed.Element("failure")!, "message"));
        Assert.Contains("same: server.allocated_bytes_per_op 0 → 0", suite.Elements("testcase").First().Element("system-out")!.Value);

        static string? Attribute(XElement element, string name) => element.Attribute(name)?.Value;
    }

    [Fact]
    public void A_file_that_cannot_be_written_is_one_line()
    {
        var (code, _, error) = Compare(_samples.Run("base"), _samples.Run("new", turn: 1), "--markdown", _folder.File("none/x.md"));
        Assert.Equal(1, code);
        Assert.StartsWith("harness: cannot write '", error);
    }

    [Fact]
    public void A_history_prints_its_changes_and_one_run_is_none()
    {
        _samples.Run("history", rounds: 3);
        var (code, output, _) = VerbConsole.Invoke("compare", "--history", _folder.File("history"));
        Assert.Equal(77, code);
        Assert.EndsWith("1 run: it takes at least two comparable runs of one matrix to see a change\n", output);

        _samples.Run("history", rounds: 3, started: ResultsSamples.Noon.AddDays(1), load: load =>
            load with { Client = load.Client with { AllocatedBytesPerOp = 32 } });
        (code, output, _) = VerbConsole.Invoke("compare", "--history", _folder.File("history"));
        Assert.Equal(0, code);
        Assert.Contains("  worse  backend=uring,depth=64,rw=read: client.allocated_bytes_per_op 0 → 32.0\n", output);
    }

    private string Worse() =>
        _samples.Run("worse", turn: 1, load: load => load with { Server = load.Server! with { SyscallsPerOp = load.Server.SyscallsPerOp + 1 } });

    private static (int Code, string Output, string Error) Compare(string was, string now, params string[] options) =>
        VerbConsole.Invoke(["compare", was, now, .. options]);
}
