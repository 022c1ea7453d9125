using System.Text.Json;
using System.Text.RegularExpressions;
using HdrHistogram;
using Harness.Measure;
using Harness.Report;
using Harness.Results;

namespace Harness.Tests.Unit;

/// <summary>What the HTML report is made of; how it looks and behaves is for the tests in a browser.</summary>
public sealed partial class ReportHtmlTests : IDisposable
{
    private readonly TempDir _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_page_needs_nothing_from_elsewhere_and_stays_small()
    {
        var page = HtmlPage.Render(Report());
        Assert.InRange(page.Length, 50_000, 1_000_000);
        Assert.DoesNotMatch("""<(link|img|iframe|base)\b|<script[^>]*\ssrc|@import|url\(""", page);
        Assert.Contains("default-src 'none'", page);
        Assert.Contains("Permission is hereby granted", page);
    }

    [Fact]
    public void No_text_of_a_run_becomes_markup()
    {
        const string Hostile = "</script><script>alert(1)</script><!--{{data}}";
        var report = Report(ResultsSamples.Run with { Matrix = Hostile, CommandLine = Hostile, Warnings = [new Warning("x", Hostile, Hostile)] });
        var page = HtmlPage.Render(report);
        Assert.DoesNotContain("alert(1)</script>", page);
        Assert.DoesNotContain("<!--{{", page);
        Assert.Equal(3, Regex.Count(page, "</script>"));
        Assert.Equal(Hostile, Inlined(page).GetProperty("runs")[0].GetProperty("matrix").GetString());
    }

    [Fact]
    public void Axes_come_with_their_values_in_order_those_that_vary_first()
    {
        var axes = Report().Axes;
        Assert.Equal(["backend", "depth"], axes.TakeWhile(axis => axis.Values.Count > 1).Select(axis => axis.Name));
        Assert.Equal(["poll", "epoll", "uring-poll", "uring"], axes[0].Values);
        Assert.Equal(["1", "16", "64", "256"], axes[1].Values);
    }

    [Fact]
    public void Percentiles_are_those_of_all_rounds_added_up_and_end_with_the_values()
    {
        var cell = Cell("uring", "16");
        var sum = LatencyHistogram.Create();
        for (var round = 1; round <= ReportHtmlSamples.Rounds; round++)
        {
            ReportHtmlSamples.Intervals(ReportHtmlSamples.Cell("uring", "16"), round).ToList().ForEach(sum.Add);
        }
        var at99 = HtmlCurves.Grid.ToList().FindIndex(x => x == 100);
        Assert.Equal(sum.GetValueAtPercentile(99) / 1000.0, cell.Percentiles[at99], 0.001 * cell.Percentiles[at99]);
        Assert.Equal(HtmlCurves.Grid.Count(x => x <= sum.TotalCount), cell.Percentiles.Count);
        Assert.Equal(cell.Percentiles.Order(), cell.Percentiles);
    }

    [Fact]
    public void The_median_and_every_nine_are_points_of_the_curve() =>
        Assert.All([2.0, 10, 100, 1000, 10_000, 100_000, 1_000_000], x => Assert.Contains(x, HtmlCurves.Grid));

    [Fact]
    public void Every_round_is_a_segment_and_the_moment_after_its_last_second_is_part_of_that_second()
    {
        var cell = Cell("epoll", "1");
        Assert.Equal(["round1", "round2", "round3"], cell.Segments.Select(segment => segment.Name));
        foreach (var segment in cell.Segments)
        {
            Assert.Equal(1, segment.IntervalSeconds);
            Assert.Equal([3, 3, 3, 3], [segment.P50.Count, segment.P99.Count, segment.P999.Count, segment.Max.Count]);
        }
        Assert.Null(cell.GcPauses);
    }

    [Fact]
    public void An_interval_without_values_is_a_gap_and_no_zero()
    {
        var empty = LatencyHistogram.Create();
        empty.EndTimeStamp = 1000;
        Assert.Equal([null], HtmlCurves.Segment("round1", [empty]).P99);
        Assert.Empty(HtmlCurves.Percentiles([empty]));
        Assert.Empty(HtmlCurves.Percentiles([]));
    }

    [Fact]
    public void Pauses_of_the_collector_lie_in_the_traced_pass_and_never_in_a_round()
    {
        var traced = ReportHtmlSamples.Cell("uring", "1");
        var passes = new Dictionary<string, HtmlGcPass> { [traced.Id] = ReportHtmlSamples.GcPass(traced) };
        var report = HtmlReportBuilder.Build(new HtmlSource(ReportHtmlSamples.Run(_folder.Path), passes));
        var cell = report.Cells.Single(cell => cell.Id == traced.Id);
        Assert.Equal("traced", cell.Segments[^1].Name);
        Assert.Equal(new HtmlGcPause(3, 1.5, 850, 0, "server"), Assert.Single(cell.GcPauses!));
        Assert.Equal(Cell("uring", "1").Percentiles, cell.Percentiles);
    }

    [Fact]
    public void Where_the_time_goes_is_the_median_of_the_rounds_with_all_their_batches_and_in_sentences()
    {
        var cell = Cell("uring", "64");
        Assert.Equal(0.2, cell.Explain!.Server!.KernelUsPerOp);
        Assert.Equal(0.03125, cell.Explain.Client!.SyscallsByNamePerOp!["io_uring_enter"]);
        var replies = cell.Explain.Client.MessagesPerReceive!;
        Assert.Equal((63.5, 3L, 297L), (replies.Mean, replies.Counts["32"], replies.Counts["64"]));
        Assert.Contains("the sides take turns: each send takes all 64 that are in flight, and one sleeps while the other works; on a CPU: client 30 %, server 30 %", cell.ExplainNotes);
    }

    [Fact]
    public void Medians_leave_out_rounds_that_do_not_tell_and_a_call_of_some_rounds_only_counts_as_none_in_the_others()
    {
        Explanation Round(double kernelUs, params (string Name, double PerOp)[] calls) => new()
        {
            Server = new ExplainedSide { KernelUsPerOp = kernelUs, SyscallsByNamePerOp = calls.ToDictionary(call => call.Name, call => call.PerOp) },
        };
        Explanation?[] rounds = [null, Round(1, ("read", 1)), Round(5), Round(2, ("sendmsg", 1)), new Explanation(), Round(3, ("sendmsg", 1), ("read", 3))];
        var found = ExplainMedians.Of(rounds)!;
        Assert.Null(found.Client);
        Assert.Equal(2.5, found.Server!.KernelUsPerOp);
        Assert.Null(found.Server.UserUsPerOp);
        Assert.Equal(new Dictionary<string, double> { ["read"] = 0.5, ["sendmsg"] = 0.5 }, found.Server.SyscallsByNamePerOp!.ToDictionary());
        Assert.Null(ExplainMedians.Of([null, null]));
    }

    [Fact]
    public void Rounds_that_failed_have_no_figures_but_their_reason()
    {
        var cell = Cell("poll", "256");
        Assert.Empty(cell.Rounds);
        Assert.Equal((1, "the server was killed by signal 11 (SIGSEGV)"), (cell.FailedRounds, cell.Reason));
    }

    [Fact]
    public void An_open_loops_cell_has_three_curves_its_saturated_rounds_and_what_spoiled_them()
    {
        var cells = HtmlReportBuilder.Build(new HtmlSource(ReportHtmlSamples.OpenRun(_folder.Path))).Cells;
        var closed = cells.Where(cell => cell.Axes["rate"] == "closed").ToList();
        Assert.All(closed, cell => Assert.Equal((0, 0, null), (cell.ServicePercentiles.Count, cell.LagPercentiles.Count, cell.SendLagUs)));
        foreach (var cell in cells.Except(closed))
        {
            Assert.True(cell.Percentiles[0] > cell.ServicePercentiles[0] && cell.ServicePercentiles[0] > cell.LagPercentiles[0]);
            var isSaturated = cell.Axes["backend"] == "uring" && cell.Axes["rate"] == "100000";
            Assert.Equal([false, isSaturated], cell.Rounds.Select(round => round.Saturated));
        }
        var spoiled = Assert.Single(cells, cell => cell.Rounds.Any(round => round.Warnings.Count > 0));
        Assert.Equal(("epoll", "2000", ReportHtmlSamples.Steal), (spoiled.Axes["backend"], spoiled.Axes["rate"], spoiled.Rounds[0].Warnings.Single()));
        Assert.Equal([201.0, 202], spoiled.Rounds.Select(round => round.P99!.Value));
    }

    [Fact]
    public void Two_runs_stand_beside_each_other_with_their_facts()
    {
        var first = ReportHtmlSamples.Run(_folder.Path);
        var other = ResultsSamples.Environment with { KernelRelease = "6.18.0", Governor = "powersave" };
        var second = ReportHtmlSamples.Run(_folder.Path, ResultsSamples.Run with { Environment = other });
        var report = HtmlReportBuilder.Build(new HtmlSource(first), new HtmlSource(second));
        Assert.Equal(2, report.Runs.Select(run => run.Name).Distinct().Count());
        Assert.Equal([0, 1], report.Cells.Select(cell => cell.Run).Distinct());
        Assert.Equal(["6.12.0", "6.18.0"], report.Runs.Select(run => run.Facts.Single(fact => fact.Name == "kernel release").Value));
        // What could not be read is null, never empty.
        Assert.Equal([null, "powersave"], report.Runs.Select(run => run.Facts.Single(fact => fact.Name == "governor").Value));
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(123456.7, 123457)]
    [InlineData(0.00123456, 0.001235)]
    [InlineData(-15.4321, -15.43)]
    public void Numbers_keep_four_digits(double value, double kept) => Assert.Equal(kept, HtmlCurves.Digits(value, 4));

    [Fact]
    public void A_report_leaves_its_page_in_the_runs_folder_where_it_is_wanted()
    {
        var run = ReportHtmlSamples.Run(_folder.Path).Folder;
        var page = Path.Combine(run, "report.html");

        Tool.Run(HarnessServer.Program, "report", run, "--no-html").Succeeded();
        Assert.False(File.Exists(page));

        Assert.EndsWith($"report: {page}\n", Tool.Run(HarnessServer.Program, "report", run).Succeeded().Output);
        Assert.Equal(1, Inlined(File.ReadAllText(page)).GetProperty("runs").GetArrayLength());

        var elsewhere = _folder.File("both.html");
        Tool.Run(HarnessServer.Program, "report", run, run, "--html", elsewhere).Succeeded();
        Assert.Equal(2, Inlined(File.ReadAllText(elsewhere)).GetProperty("runs").GetArrayLength());
    }

    [Theory]
    [InlineData("--html x.html --no-html", "harness report: --html and --no-html contradict each other; give one of them (harness report --help explains)\n")]
    [InlineData("{run} --json -", "harness report: --json takes one RUN; give the other one by itself (harness report --help explains)\n")]
    [InlineData("{run} {run}", "harness report: unexpected '{run}' (harness report --help explains)\n")]
    public void What_cannot_be_done_is_a_usage_error(string arguments, string line)
    {
        var run = ReportHtmlSamples.Run(_folder.Path).Folder;
        var result = Tool.Run(HarnessServer.Program, ["report", run, .. arguments.Replace("{run}", run).Split(' ')]);
        Assert.Equal((2, line.Replace("{run}", run)), (result.ExitCode, result.Errors));
    }

    [Fact]
    public void A_page_that_cannot_be_written_where_it_was_asked_for_is_one_line()
    {
        var run = ReportHtmlSamples.Run(_folder.Path).Folder;
        var result = Tool.Run(HarnessServer.Program, "report", run, "--html", _folder.File("none/page.html"));
        Assert.Equal(1, result.ExitCode);
        Assert.Matches(@"^harness: cannot write the report to '.*/none/page\.html': .*; choose another place with --html FILE, or --no-html\n$", result.Errors);
    }

    private HtmlReport Report(RunRecord? run = null) => HtmlReportBuilder.Build(new HtmlSource(ReportHtmlSamples.Run(_folder.Path, run)));

    private HtmlCell Cell(string backend, string depth)
    {
        var id = ReportHtmlSamples.Cell(backend, depth).Id;
        return Report().Cells.Single(cell => cell.Id == id);
    }

    private static JsonElement Inlined(string page) => JsonDocument.Parse(Data().Match(page).Groups[1].Value).RootElement;

    [GeneratedRegex("""<script id="data" type="application/json">(.*?)</script>""", RegexOptions.Singleline)]
    private static partial Regex Data();
}
