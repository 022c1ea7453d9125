using Harness.Io;
using Xunit.Abstractions;

namespace Harness.Tests;

/// <summary>Programs at random, on every backend and on a model beside it; and bugs made on purpose, to see that the programs find them.</summary>
public sealed class LoopModelTests(ITestOutputHelper output)
{
    private static readonly Dictionary<string, SeededBug> s_bugs = new()
    {
        ["a report gets lost"] = new(LoopRule.ReadyIsTold, () => new LoopUnderTest(new LosesReports())),
        ["edges instead of levels"] = new(LoopRule.ReadyIsTold, () => new LoopUnderTest(new TellsEdges())),
        ["a poll is not armed again"] = new(LoopRule.ReadyIsTold, () => new LoopUnderTest(new ForgetsToRewatch()), Backend: "uring-poll"),
        ["two handlers in one look"] = new(LoopRule.OneHandler, () => new CallsTwoHandlers()),
        ["timers before immediate events"] = new(LoopRule.Order, () => new TimersAreImmediate()),
        ["changed flags are forgotten"] = new(LoopRule.OnlyItsFlags, () => new ForgetsFlags()),
        ["everything is ready"] = new(LoopRule.OnlyWhatIsSo, () => new LoopUnderTest(new SaysYes())),
        ["old reports are believed"] = new(LoopRule.OnlyWhatIsSo, () => new LoopUnderTest(new ConfirmsAll())),
        ["a poll outlives its event"] = new(LoopRule.OnlyWhatIsSo, () => new LoopUnderTest(new ForgetsThatNobodyWaits()), Backend: "uring-poll"),
        ["remove is forgotten"] = new(LoopRule.NothingAfterRemove, () => new ForgetsRemove()),
        ["an end told twice"] = new(LoopRule.EndsOnce, () => new TellsEndsWrong(EndsToldWrong.Twice)),
        ["an end told without its error"] = new(LoopRule.EndsOnce, () => new TellsEndsWrong(EndsToldWrong.WithoutError)),
        ["readiness told after the close"] = new(LoopRule.EndsOnce, () => new TellsEndsWrong(EndsToldWrong.AfterReadiness)),
        ["an end that nobody asked for"] = new(LoopRule.EndsOnce, () => new LoopUnderTest(new EndsByItself())),
        ["a number taken for a file, by epoll"] = new(LoopRule.NoStranger, () => new LoopUnderTest(new BelievesInNumbers()), Backend: "epoll"),
        ["a number taken for a file, by poll"] = new(LoopRule.NoStranger, () => new LoopUnderTest(LoopBackends.Create("poll")), Backend: "epoll"),
        ["a close that ends nothing"] = new(LoopRule.CloseEnds, () => new ClosesInSilence()),
        ["cancel is forgotten"] = new(LoopRule.NothingAfterCancel, () => new ForgetsCancel()),
        ["stop is forgotten"] = new(LoopRule.NothingAfterCancel, () => new ForgetsStop()),
        ["the lowest descriptor first"] = new(LoopRule.Fair, () => new LoopUnderTest(new PrefersTheLowest())),
        ["a batch twice over"] = new(LoopRule.OncePerBatch, () => new BatchesTwice()),
        ["a batch of one"] = new(LoopRule.WholeBatch, () => new BatchesOne()),
    };

    public static TheoryData<string> Bugs => [.. s_bugs.Keys];

    [SkippableTheory]
    [ClassData(typeof(TestedBackendNames))]
    public void A_backend_does_what_the_model_does(string backend)
    {
        LoopCheck.Require(backend);
        output.WriteLine($"{backend}: {LoopCheck.Description}");
        LoopCheck.Run(() => new LoopUnderTest(TestedBackends.Create(backend)), LoopTraits.Of(backend));
    }

    [Fact]
    public void The_plain_backend_of_the_seeded_bugs_is_right_without_them() => LoopCheck.Run(() => new LoopUnderTest(new PlainBackend()), default);

    [SkippableTheory]
    [MemberData(nameof(Bugs))]
    public void The_programs_find(string bug)
    {
        SeededBug seeded = s_bugs[bug];
        LoopCheck.Require(seeded.Backend);
        output.WriteLine(LoopCheck.Find(seeded.Rule, seeded.Make, LoopTraits.Of(seeded.Backend)));
    }

    [Fact]
    public void Every_rule_has_a_seeded_bug() => Assert.Equal(
        Enum.GetValues<LoopRule>().Where(rule => rule != LoopRule.ModelIsRight), s_bugs.Values.Select(bug => bug.Rule).Distinct().Order());

    /// <param name="Rule">What it breaks.</param>
    /// <param name="Make">A loop with it.</param>
    /// <param name="Backend">The backend that it is, or is taken for.</param>
    private sealed record SeededBug(LoopRule Rule, Func<LoopUnderTest> Make, string Backend = "plain");
}
