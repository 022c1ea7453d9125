using Harness.Compare;
using Harness.Matrix;
using Harness.Results;
using Harness.Run;

namespace Harness.Tests.Unit;

/// <summary>Rates in percent: what they are shares of is measured once, written down and used again; runs that offered something else are not ranked.</summary>
public sealed class SaturatedRatesTests : IDisposable
{
    private static readonly Cell Half = Percent("50%");

    private readonly TempDir _folder = new();
    private readonly Dictionary<string, double> _found = [];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task The_median_of_three_closed_loops_is_measured_once_and_the_share_of_it_is_offered()
    {
        var goes = new Queue<double>([100_000, 900_000, 120_000]);
        var asked = new List<string>();
        var run = new List<string>();
        using var rates = Rates(
            run,
            cell =>
            {
                asked.Add(cell.Id);
                return Ok(cell, goes.Dequeue());
            });
        await rates.RunAsync(Half, default);
        await rates.RunAsync(Half, default);
        await rates.RunAsync(Percent("90%"), default);
        await rates.RunAsync(Half.With("rate", "500"), default);
        await rates.RunAsync(Half.With("rate", "closed"), default);
        const string Closed = "backend=epoll,wait=spin,depth=8,rw=read";
        Assert.Equal([Closed, Closed, Closed], asked);
        Assert.Equal([KeyValuePair.Create(Closed, 120_000.0)], _found);
        Assert.Equal(["60000 poisson", "60000 poisson", "108000 poisson", "500 poisson", "closed constant"], run);
    }

    [Fact]
    public async Task A_rate_that_is_known_is_not_measured_again()
    {
        var run = new List<string>();
        using var rates = Rates(run, _ => throw new InvalidOperationException("measured again"), (Half.With("rate", "closed").Id, 1));
        Assert.Equal(CellStatus.Ok, (await rates.RunAsync(Half, default)).Status);
        // Half of one per second is still a request now and then.
        Assert.Equal(["1 poisson"], run);
        Assert.Empty(_found);
    }

    [Fact]
    public async Task A_closed_loop_that_fails_or_cannot_run_makes_its_cell_do_so_and_is_tried_again_in_the_next_round()
    {
        var outcomes = new Queue<CellOutcome>([Ok(Half, 10), CellOutcome.Failed("no port"), new CellOutcome(CellStatus.Skipped, "no ring", null, null)]);
        var run = new List<string>();
        using var rates = Rates(run, cell => outcomes.TryDequeue(out var outcome) ? outcome : Ok(cell, 2000));
        var failed = await rates.RunAsync(Half, default);
        Assert.Equal((CellStatus.Failed, "its saturated rate could not be measured: no port"), (failed.Status, failed.Reason));
        Assert.Equal(CellStatus.Skipped, (await rates.RunAsync(Half, default)).Status);
        Assert.Empty(run);
        Assert.Equal(CellStatus.Ok, (await rates.RunAsync(Half, default)).Status);
        Assert.Equal(["1000 poisson"], run);
    }

    [Theory]
    [InlineData("50%", 1.02, true)]
    [InlineData("50%", 1.005, false)]
    [InlineData("20000", 1.02, false)]
    public void Figures_that_follow_the_load_are_ranked_only_where_the_same_was_offered(string rate, double factor, bool differ)
    {
        var axes = new Dictionary<string, string>(Half.Values) { ["rate"] = rate };
        LoadResult[] loads = [.. new[] { 1, factor }.Select(times => Ok(Half, 1000).Load! with { RateOffered = 20_000 * times, Arrivals = "constant" })];
        foreach (var figure in FigureCatalog.Of(axes, loads))
        {
            // A thousand operations are enough for every figure otherwise.
            var reason = figure.NotRanked(loads[0]);
            Assert.Equal(differ && figure.Kind != FigureKind.Invariant, reason is not null);
            Assert.True(reason is null || reason.StartsWith("offered rates differ (20,000 to 20,400 per second)"), reason);
        }
    }

    [Fact]
    public void A_short_matrix_has_short_goes()
    {
        Assert.Equal(TimeSpan.FromMilliseconds(50), SaturatedRates.Duration(TimeSpan.FromMilliseconds(50)));
        Assert.Equal(TimeSpan.FromSeconds(1), SaturatedRates.Duration(TimeSpan.FromSeconds(10)));
    }

    private static Cell Percent(string rate) => new(new Dictionary<string, string>
    {
        ["backend"] = "epoll",
        ["wait"] = "spin",
        ["depth"] = "8",
        ["rate"] = rate,
        ["arrivals"] = "poisson",
    });

    private static CellOutcome Ok(Cell cell, double iops) => new(CellStatus.Ok, null, ResultsSamples.Ok(cell, 1, iops).Load, null);

    private SaturatedRates Rates(List<string> run, Func<Cell, CellOutcome> go, params (string Cell, double Rate)[] known) => new(
        new Scripted(cell =>
        {
            run.Add($"{cell["rate"]} {cell["arrivals"]}");
            return Ok(cell, 1);
        }),
        new Scripted(go),
        known.ToDictionary(rate => rate.Cell, rate => rate.Rate),
        _found.Add);

    private sealed class Scripted(Func<Cell, CellOutcome> outcome) : ICellRunner
    {
        public Task<CellOutcome> RunAsync(Cell cell, CancellationToken cancel) => Task.FromResult(outcome(cell));

        public void Dispose()
        {
        }
    }
}
