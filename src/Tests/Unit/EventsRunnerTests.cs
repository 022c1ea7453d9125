using Harness.Events;
using Harness.Io;
using Harness.Matrix;

namespace Harness.Tests.Unit;

/// <summary>The order of the pipe tests, and what becomes of a variant that cannot run; the tests themselves are scripted.</summary>
public sealed class EventsRunnerTests
{
    private readonly List<(string Variant, int Tokens, long Events)> _runs = [];
    private readonly StringWriter _said = new() { NewLine = "\n" };

    [Fact]
    public void Every_round_has_each_variant_once_at_each_number_of_tokens_in_an_order_of_its_own()
    {
        EventsOptions options = Options(rounds: 4);
        EventSample[] samples = [.. new EventsRunner(options, (variant, tokens) => new Scripted(this, variant, tokens), _said).Run()];
        Assert.Equal(4 * options.Variants.Count * 3, samples.Length);
        var expected = options.Variants.SelectMany(variant => options.Tokens.Select(tokens => (variant.Backend, variant.Variant, tokens))).ToHashSet();
        var orders = samples.GroupBy(sample => sample.Round)
            .Select(round => round.Select(sample => (sample.Backend, sample.Variant, sample.Tokens)).ToArray())
            .ToArray();
        Assert.Equal(4, orders.Length);
        Assert.All(orders, order => Assert.Equal(expected, order.ToHashSet()));
        Assert.NotEqual(orders[0], orders[1]);
        Assert.Equal(Interleave.Round([.. Cells(options)], options.Seed, 3), orders[2]);
        // Each time a tenth of the events, or a thousand, goes before those that count; and nothing of the warm-up counts.
        var measured = _runs[^(2 * samples.Length)..];
        Assert.All(measured.Where((_, at) => at % 2 == 0), run => Assert.Equal(1000, run.Events));
        Assert.All(measured.Where((_, at) => at % 2 == 1), run => Assert.Equal(5000, run.Events));
        Assert.All(samples, sample => Assert.Equal((2_000_000, 3), (sample.EventsPerSecond, sample.SyscallsPerEvent)));
        Assert.All(samples, sample => Assert.Equal(sample.Backend.StartsWith("uring", StringComparison.Ordinal) ? 1.5 : null, sample.CqesPerEvent));
    }

    [Fact]
    public void A_variant_that_the_kernel_lacks_is_named_once_and_the_others_are_measured()
    {
        EventsOptions options = Options(rounds: 2);
        LoopVariant lacking = options.Variants[1];
        EventSample[] samples =
        [
            .. new EventsRunner(
                options,
                (variant, tokens) => variant == lacking ? throw new NotSupportedException("this kernel has none") : new Scripted(this, variant, tokens),
                _said).Run(),
        ];
        Assert.DoesNotContain(samples, sample => (sample.Backend, sample.Variant) == (lacking.Backend, lacking.Variant));
        Assert.Equal(2 * 3 * (options.Variants.Count - 1), samples.Length);
        Assert.Single(_said.ToString().Split('\n'), $"skipped {lacking.Backend} {lacking.Variant}: this kernel has none");
    }

    [Fact]
    public void Where_nothing_can_run_there_are_no_rounds() =>
        Assert.Empty(new EventsRunner(Options(rounds: 2), (_, _) => throw new NotSupportedException("no"), _said).Run());

    private static EventsOptions Options(int rounds) => new()
    {
        Variants = EventVariants.Require(["epoll", "uring-poll"], EventVariants.Names),
        Tokens = [1, 8, 32],
        Rounds = rounds,
        Events = 5000,
        Seed = 7,
    };

    private static IEnumerable<(string Backend, string Variant, int Tokens)> Cells(EventsOptions options) =>
        options.Variants.SelectMany(variant => options.Tokens.Select(tokens => (variant.Backend, variant.Variant, tokens)));

    private sealed class Scripted(EventsRunnerTests test, LoopVariant variant, int tokens) : IPipeRun
    {
        public PipeTestFigures Run(long events)
        {
            // The warm-up goes on for a third of a second at least, however little there is to do.
            Thread.Sleep(1);
            test._runs.Add((variant.Variant, tokens, events));
            return new PipeTestFigures(events, events * 500, events * 3, events * 3 / 2, 0);
        }

        public void Dispose()
        {
        }
    }
}
