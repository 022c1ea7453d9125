using Harness.Kernels;
using Harness.Kernels.Guest;
using Harness.Kernels.Hunt;
using Harness.Matrix;
using Harness.Report;
using Harness.Results;

namespace Harness.Tests.Unit;

/// <summary>What finds the version of a change, and what says where its instructions went, on made-up kernels.</summary>
public sealed class KernelHuntTests
{
    [Theory]
    [InlineData(2, 1)]
    [InlineData(3, 2)]
    [InlineData(40, 1)]
    [InlineData(40, 17)]
    [InlineData(40, 39)]
    public void The_neighbours_of_a_jump_are_found_with_few_looks(int count, int firstBad)
    {
        var (search, looks) = Search(count, place => place >= firstBad ? 1263 : 413 + (place * 0.1));
        Assert.Equal((firstBad - 1, firstBad), (search.LastGood, search.FirstBad));
        Assert.InRange(looks, 2, 2 + (int)Math.Ceiling(Math.Log2(count)));
    }

    [Fact]
    public void What_cannot_be_measured_is_left_out_and_only_what_lies_between_is_in_doubt()
    {
        var (search, _) = Search(20, place => place is 9 or 10 or 13 ? null : place >= 12 ? 200 : 100);
        Assert.Equal((11, 12), (search.LastGood, search.FirstBad));
        (search, _) = Search(20, place => place is > 8 and < 13 ? null : place >= 12 ? 200 : 100);
        Assert.Equal((8, 13), (search.LastGood, search.FirstBad));
        Assert.Equal(BisectVerdict.Skipped, search.VerdictOf(10));
    }

    [Fact]
    public void A_threshold_finds_a_smaller_step_than_the_whole_way_and_an_improvement_is_a_change_too()
    {
        // 100, then 103, then 110.
        double? Steps(int place) => place >= 15 ? 110 : place >= 6 ? 103 : 100;
        Assert.Equal(15, Search(20, Steps).Search.FirstBad);
        Assert.Equal(6, Search(20, Steps, threshold: 2).Search.FirstBad);
        Assert.Equal(7, Search(20, place => place >= 7 ? 90 : 100).Search.FirstBad);
    }

    [Fact]
    public void Ends_that_do_not_differ_and_ends_that_cannot_be_measured_end_it()
    {
        var search = new Bisection(9, place => place == 8 ? 100.1 : 100, thresholdPercent: null);
        Assert.Equal(1.001, search.MeasureEnds()!.Value, 6);
        Assert.False(search.EndsDiffer(0.2));
        Assert.Null(new Bisection(9, place => place == 8 ? null : 100, null).MeasureEnds());

        BisectMeasurement Look(KernelCandidate kernel) => kernel.Release == "6.2" ? new(null, "it panicked") : Measured(100);
        var session = new BisectSession("c", [Candidate("6.1"), Candidate("6.2")], Look, _ => { });
        var error = Assert.Throws<HarnessException>(() => session.Run(null, CancellationToken.None));
        Assert.Equal("BAD, 6.2, cannot be measured: it panicked; give another kernel", error.Message);
    }

    [Fact]
    public void A_session_names_the_pair_and_its_figures_and_what_was_skipped()
    {
        KernelCandidate[] versions = [.. Enumerable.Range(1, 9).Select(minor => Candidate($"6.{minor}.0"))];
        var said = new List<string>();
        BisectMeasurement Look(KernelCandidate kernel) => kernel.Release == "6.5.0"
            ? new(null, "the kernel panicked")
            : Measured(string.CompareOrdinal(kernel.Release, "6.6.0") >= 0 ? 1263 : 413);
        var session = new BisectSession("layer=syscall", versions, Look, said.Add);
        BisectDocument document = session.Run(null, CancellationToken.None);
        Assert.Equal(("6.4.0", "6.6.0"), (document.LastGood, document.FirstBad));
        Assert.Equal(["6.5.0"], document.Skipped);
        Assert.Equal(1263 / 413.0, document.Ratio!.Value, 6);
        Assert.Equal(
            "layer=syscall: 413.0 instructions per operation on 6.4.0, 1,263.0 on 6.6.0 (+205.8 %); or in one of those between them that could not be measured: 6.5.0",
            BisectText.Sentence(document));
        Assert.Contains("6.5.0: skipped: the kernel panicked; 6 left, about 3 to measure", said);
        string table = ReportConsole.Draw(console => BisectText.Write(document, console));
        Assert.Contains("skipped: the kernel panicked", table);
        Assert.Contains("3.058", table);
    }

    [Fact]
    public void Versions_stand_between_their_ends_in_either_direction_and_each_release_once()
    {
        KernelOffer[] offers = [Offer("7.1.0", "1"), Offer("7.1.0", "2"), Offer("7.2.0", "1"), Offer("6.1.0", "1")];
        IReadOnlyList<KernelCandidate> all = KernelCandidates.All([Here("6.12.1"), Here("7.2.0"), Here("5.10.0")], offers);
        Assert.Equal(["5.10.0", "6.1.0", "6.12.1", "7.1.0", "7.2.0"], all.Select(kernel => kernel.Release));
        Assert.Equal("2", all[3].Version);
        Assert.Equal(["6.1.0", "6.12.1", "7.1.0", "7.2.0"], KernelCandidates.Between(all, "6.1", "7.2").Select(kernel => kernel.Release));
        Assert.Equal(["7.2.0", "7.1.0", "6.12.1"], KernelCandidates.Between(all, "steady", "6.12").Select(kernel => kernel.Release));
        Assert.Contains("there is no kernel 9", Assert.Throws<HarnessException>(() => KernelCandidates.Between(all, "9", "7.2")).Message);
        Assert.Equal(ExitCode.Usage, Assert.Throws<HarnessException>(() => KernelCandidates.Between(all, "7.2", "7.2.0")).ExitCode);
    }

    [Fact]
    public void Functions_and_what_is_none_sum_to_the_difference()
    {
        var symbols = KernelSymbols.Parse("ffffffff81000000 T start\nffffffff81000100 T __ia32_sys_getppid\nffffffff81000100 T __x64_sys_getppid\n"
            + "ffffffff81000200 t clear_bhb_loop.constprop.0\nffffffff81000300 D data\n0000000000000000 A absolute\n");
        FunctionProfile Profile(string release, double clock, params (ulong At, long Count)[] blocks) => new(
            new KernelFacts { Release = release, Image = "vmlinuz", Sha256 = release },
            release == "7.2" ? 3 : 1,
            ResultsSamples.Ok(ResultsSamples.Cell("epoll", "read"), 1, 1000).Load! with { Ops = 100, InstructionsPerOp = clock },
            new InstructionWindow(2000, blocks.Sum(block => block.Count), blocks.ToDictionary(block => block.At, block => block.Count)),
            symbols);
        var attribution = Attribution.Of(
            "layer=syscall",
            Profile("6.12", 120.5, (0xffffffff81000010, 4000), (0xffffffff81000108, 6000)),
            Profile(
                "7.2", 970.25, (0xffffffff81000010, 4000), (0xffffffff81000108, 5000), (0xffffffff81000210, 50_000), (0xffffffff81000250, 36_000),
                (0xfffffe0000000000, 10)));
        Assert.Equal([("clear_bhb_loop", 860.0), ("__x64_sys_getppid", -10.0)], attribution.Functions.Take(2).Select(row => (row.Function, row.Difference)));
        Assert.Equal(attribution.Total.Difference, attribution.Functions.Sum(row => row.Difference), 3);
        Assert.Equal(attribution.Total.A, attribution.Functions.Sum(row => row.A), 3);
        Assert.Equal(0.1, attribution.Functions.Single(row => row.Function == Attribution.NoSymbol).Difference, 3);
        Assert.Equal(20, attribution.Functions.Single(row => row.Function == Attribution.UserCode).A, 3);
        string table = ReportConsole.Draw(console => AttributionText.Write(attribution, 1, console));
        Assert.Contains("(2 other functions)", table);
        Assert.Contains("all", table);
        Assert.Contains("| function | 6.12 | 7.2, boot 3 | ", AttributionText.Markdown(attribution, 1));
        Assert.Contains("| clear_bhb_loop | 0.0 | 860.0 | +860.0 | ", AttributionText.Markdown(attribution, 1));
    }

    [Fact]
    public void A_bare_system_call_is_a_cell_that_a_guest_can_count()
    {
        Cell cell = new(new Dictionary<string, string> { ["layer"] = "syscall", ["depth"] = "64", ["mitigations"] = "off", ["size"] = "512" });
        Assert.Equal("layer=syscall,mitigations=off", cell.Id);
        Assert.Null(GuestPlan.Refusal(cell));
        string script = new GuestPlan([cell], 4000, 1, Facts: false) { Symbols = true, SeededRegression = "instructions:200" }.Script();
        Assert.EndsWith("export HARNESS_SEEDED_REGRESSION=instructions:200\nsymbols\nrung 0 'syscall --ops 100000'\n", script);
    }

    [Fact]
    public void What_a_cell_asks_of_server_and_client_reaches_the_guest()
    {
        static string Script(params (string Axis, string Value)[] axes) =>
            new GuestPlan([new Cell(axes.ToDictionary(axis => axis.Axis, axis => axis.Value))], 4000, 1, Facts: false).Script();
        string usual = Script(("depth", "4"));
        Assert.All(["--max-in-flight", "--duplex", "--timeline"], option => Assert.DoesNotContain(option, usual));
        string other = Script(("depth", "4"), ("max_in_flight", "16"), ("duplex", "half"), ("timeline", "true"));
        Assert.All(["--max-in-flight 16", "--duplex half", "--timeline"], option => Assert.Contains(option, other));
    }

    [Fact]
    public void Cells_of_a_server_follow_one_another_and_are_in_random_order_otherwise()
    {
        static Cell Cell(string backend, string depth) => new(new Dictionary<string, string> { ["backend"] = backend, ["depth"] = depth });
        Cell bare = new(new Dictionary<string, string> { ["layer"] = "syscall" });
        Cell[] order = [Cell("uring", "64"), Cell("epoll", "1"), bare, Cell("uring", "1"), Cell("epoll", "2"), Cell("uring", "2")];
        Assert.Equal(
            ["uring 64", "uring 1", "uring 2", "epoll 1", "epoll 2", "syscall"],
            GuestPlan.ByServer(order).Select(cell => cell.IsBare ? "syscall" : $"{cell["backend"]} {cell["depth"]}"));
    }

    private static (Bisection Search, int Looks) Search(int count, Func<int, double?> figure, double? threshold = null)
    {
        int looks = 0;
        var search = new Bisection(count, place =>
        {
            looks++;
            return figure(place);
        }, threshold);
        Assert.NotNull(search.MeasureEnds());
        while (search.Step() is not null)
        {
            Assert.True(search.LastGood < search.FirstBad);
        }
        return (search, looks);
    }

    private static BisectMeasurement Measured(double instructions) => new(new KernelFigure { Boots = 1, InstructionsPerOp = instructions }, null);

    private static KernelCandidate Candidate(string release) => new(release, "1", "steady", null, null);

    private static CachedKernel Here(string release) => new($"/cache/{release}", new KernelFacts { Release = release, Version = "0", Suite = "old", Image = "vmlinuz", Sha256 = release });

    private static KernelOffer Offer(string release, string version) =>
        new(release, "steady", [new($"linux-image-{release}", version, "steady", "", new(new Uri("file:///x"), 1, new string('a', 64)))]);
}
