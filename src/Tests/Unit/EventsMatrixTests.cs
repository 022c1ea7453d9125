using Harness.Compare;
using Harness.Matrix;
using Harness.Measure;
using Harness.Report;
using Harness.Results;
using Harness.Run;

namespace Harness.Tests.Unit;

/// <summary>Cells of the pipe test: their names, the matrix of them, their part of a report, their exports and their comparison.</summary>
public sealed class EventsMatrixTests : IDisposable
{
    private readonly TempDir _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_cell_is_named_by_what_the_pipe_test_has()
    {
        var cell = Cell(("backend", "uring-poll"), ("variant", "multishot"), ("tokens", "8"), ("depth", "5"), ("wait", "spin"), ("block", "null:1M"));
        Assert.Equal("backend=uring-poll,variant=multishot,tokens=8,layer=events", cell.Id);
        Assert.Equal(cell.Id, new Cell(cell.Values).Id);
        Assert.Equal("backend=epoll,variant=maxevents-1,pipes=64,tokens=1,layer=events", Cell(("backend", "epoll"), ("variant", "maxevents-1"), ("pipes", "64")).Id);
        // A cell of NBD has none of it, whatever stands in the matrix.
        Assert.Equal("backend=epoll,depth=64,rw=read", Cell(("layer", "nbd"), ("backend", "epoll"), ("variant", "one-shot"), ("tokens", "8")).Id);
    }

    [Fact]
    public void A_variant_stands_beside_the_backends_that_have_it_and_beside_no_other()
    {
        var cells = Matrix("layer: [events, nbd]\nbackend: [epoll, uring]\nvariant: [maxevents-1, read-multishot]\ntokens: [1, 8]\n").Cells();
        Assert.Equal(
            [
                "backend=epoll,depth=64,rw=read",
                "backend=epoll,variant=maxevents-1,tokens=1,layer=events",
                "backend=epoll,variant=maxevents-1,tokens=8,layer=events",
                "backend=uring,depth=64,rw=read",
                "backend=uring,variant=read-multishot,tokens=1,layer=events",
                "backend=uring,variant=read-multishot,tokens=8,layer=events",
            ],
            cells.Select(cell => cell.Id).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("layer: events\nvariant: multishoot\n", "2: unknown variant 'multishoot'; did you mean 'multishot'? legal: maxevents-1, ")]
    [InlineData("layer: events\nbackend: epoll\nvariant: [maxevents-1, one-shot]\n", "3: variant: no variant of epoll is called one-shot; legal: epoll: maxevents-1, ")]
    [InlineData("parts:\n  - { layer: events, backend: poll, variant: one-shot }\n", "1: variant: no variant of poll is called one-shot; legal: poll: ")]
    [InlineData("pipes: 1\n", "1: pipes: '1' is not a whole number from 2 to 16384")]
    public void A_mistake_is_one_line_that_says_where_and_what_is_legal(string yaml, string message) =>
        Assert.StartsWith($"{_folder.File("m.yml")}:{message}", Assert.Throws<HarnessException>(() => Matrix(yaml)).Message);

    [Fact]
    public void What_the_pipe_test_cannot_do_is_refused_by_name()
    {
        var ring = new RingFacts { Available = true };
        (string, string) epoll = ("backend", "epoll");
        Assert.Null(MatrixRunner.Refusal(Cell(epoll), ring));
        Assert.Equal(
            "2001 tokens are more than 1000 for each of 2 pipes; give fewer, or more pipes",
            MatrixRunner.Refusal(Cell(epoll, ("pipes", "2"), ("tokens", "2001")), ring));
        Assert.Equal("the layer events keeps no schedule; leave rate at closed", MatrixRunner.Refusal(Cell(epoll, ("rate", "500")), ring));
        var none = new RingFacts { Available = false, Refusal = "seccomp" };
        Assert.Null(MatrixRunner.Refusal(Cell(epoll), none));
        Assert.Equal("io_uring is refused: seccomp", MatrixRunner.Refusal(Cell(("backend", "uring-epoll"), ("variant", "epoll-poll")), none));
    }

    [Fact]
    public void The_matrix_has_every_variant_at_each_number_of_tokens()
    {
        var matrix = MatrixReader.Read(Path.Combine(Repository.Root, "bench", "events.yml"), brief: false);
        var cells = matrix.Cells();
        Assert.Equal(7, matrix.Rounds);
        Assert.All(cells.GroupBy(cell => cell["tokens"]), place => Assert.Equal(
            Io.LoopVariants.All.Select(variant => (variant.Backend, variant.Variant)).Order(), place.Select(cell => (cell.Backend, cell["variant"])).Order()));
        Assert.Equal(["1", "8", "32"], cells.Select(cell => cell["tokens"]).Distinct());
    }

    [Fact]
    public void The_report_has_the_variants_in_tables_of_their_own_and_nowhere_else()
    {
        var report = ReportBuilder.Build(Run(7));
        Assert.Equal(["maxevents-1", "multishot"], report.Events.Select(variant => variant.Variant));
        Assert.Equal((2, 1.5), (report.Events[1].RatioToEpoll1!.Median, report.Events[1].CqesPerEvent));
        Assert.Empty(report.Ladder);
        Assert.Empty(report.AgainstEpoll);
        Assert.All(report.Cells, cell => Assert.Null(cell.RatioToEpoll));
        string text = ReportConsole.Draw(console => ReportTable.Write(report, console));
        Assert.Contains("every cell: pipes 32 · tokens 8 · layer events\n", text);
        Assert.Contains("8 tokens in 32 pipes, 7 rounds\n", text);
        Assert.DoesNotContain("no cell has figures", text);
        Assert.DoesNotContain("gc pass", text);
        var page = HtmlReportBuilder.Build(new HtmlSource(Run(7), null));
        Assert.Equal(2, Assert.Single(page.Events).Variants.Count);
        Assert.DoesNotContain(page.Axes, axis => axis.Values.Contains("none") && axis.Values.Count == 1);
        Assert.Contains("\"ratio_to_epoll_1\":{", HtmlPage.Render(page));
    }

    [Fact]
    public void Exports_have_the_variants_as_their_cells()
    {
        string csv = ExportCsv.Of(Run(1));
        Assert.Contains("axes.variant", csv.Split('\n')[0]);
        Assert.Contains("load.client.cqes_per_op", csv.Split('\n')[0]);
        string prometheus = ExportPrometheus.Of(ReportBuilder.Build(Run(1)));
        Assert.Contains("""variant="multishot""", prometheus);
        Assert.Matches(@"harness_system_calls_per_operation\{.*variant=""multishot"".*process=""client""\} 2", prometheus);
    }

    [Fact]
    public void Events_per_second_are_timed_and_calls_and_completions_depend_on_the_load()
    {
        var record = Run(1).Cells.Last();
        var kinds = FigureCatalog.Of(record.Axes, [record.Load!]).ToDictionary(figure => figure.Name, figure => figure.Kind);
        Assert.Equal(
            (FigureKind.Timed, FigureKind.LoadDependent, FigureKind.LoadDependent, FigureKind.Invariant),
            (kinds["iops"], kinds["client.syscalls_per_op"], kinds["client.cqes_per_op"], kinds["client.allocated_bytes_per_op"]));
        string text = SuspectMatrix.Text(ResultsSamples.Run, [record]);
        Assert.Equal([record.Cell], Matrix(text).Cells().Select(cell => cell.Id));
    }

    // Of the pipe test, unless another layer is named.
    private static Cell Cell(params (string Axis, string Value)[] values) =>
        new(values.Append(("layer", Vocabulary.Events)).DistinctBy(pair => pair.Item1).ToDictionary(pair => pair.Item1, pair => pair.Item2));

    private RunData Run(int rounds) => new(_folder.Path, ResultsSamples.Run,
    [
        .. from round in Enumerable.Range(1, rounds)
           from cell in new[] { ("epoll", "maxevents-1", 1000.0, 3.0, (double?)null), ("uring-poll", "multishot", 2000, 2, 1.5) }
           let record = ResultsSamples.Ok(Cell(("backend", cell.Item1), ("variant", cell.Item2), ("tokens", "8")), round, cell.Item3 * round)
           let costs = new SideCosts { SyscallsPerOp = cell.Item4, CqesPerOp = cell.Item5, AllocatedBytesPerOp = 0 }
           select record with { Load = record.Load! with { Server = null, Client = costs } },
    ], []);

    private MatrixDefinition Matrix(string yaml)
    {
        File.WriteAllText(_folder.File("m.yml"), yaml);
        return MatrixReader.Read(_folder.File("m.yml"), brief: false);
    }
}
