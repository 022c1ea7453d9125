using Harness.Nbd;
using Xunit.Abstractions;

namespace Harness.Tests;

/// <summary>
/// A client whose sides are on two threads, by programs drawn at random that stop either side wherever it meets the other; and bugs made on purpose, to see
/// that the programs find them.
/// </summary>
public sealed class SidesModelTests(ITestOutputHelper output)
{
    /// <summary>Programs that may be needed to find a bug.</summary>
    private const int Patience = 200;

    private static readonly Dictionary<string, (SidesRule Rule, Func<SidesRun, int, SharedInFlight> Share)> s_bugs = new()
    {
        ["a request is shown before it is there"] = (SidesRule.NoFault, (run, slots) => new ShowsTooEarly(run, slots)),
        ["a place is written to after it was shown"] = (SidesRule.EndsOnce, (run, slots) => new FillsTooLate(run, slots)),
        ["a place is used again under the sender's hands"] = (SidesRule.NoFault, (run, slots) => new ReleasesTooEarly(run, slots)),
        ["memory goes back while it is being sent"] = (SidesRule.MemoryIsFree, (run, slots) => new GivesBackTooEarly(run, slots)),
        ["a reply and its request's last byte miss each other"] = (SidesRule.EndsOnce, (run, slots) => new LooksThenMarks(run, slots)),
        ["what was answered before is not given back"] = (SidesRule.EndsOnce, (run, slots) => new NeverGivesBack(run, slots)),
        ["the sender rests without a second look"] = (SidesRule.EndsOnce, (run, slots) => new RestsTooSoon(run, slots)),
        ["who publishes looks too early"] = (SidesRule.EndsOnce, (run, slots) => new LooksThenPublishes(run, slots)),
        ["nobody wakes the sender for DISC"] = (SidesRule.EndIsTold, (run, slots) => new LeavesInSilence(run, slots)),
        ["news that come while others are heard get lost"] = (SidesRule.EndsOnce, (run, slots) => new HearsOnce(run, slots)),
        ["only the first news are told"] = (SidesRule.EndIsTold, (run, slots) => new TellsOnce(run, slots)),
    };

    public static TheoryData<string> Bugs => [.. s_bugs.Keys];

    [Fact]
    public void Wherever_one_side_stops_the_other_goes_on()
    {
        IReadOnlyList<int> seeds = TestScale.Seeds(400, 20_000);
        var seen = new SidesSeen();
        foreach (int seed in seeds)
        {
            SidesRun.Run(seed, (run, slots) => new StoppingShare(run, slots), seen);
        }

        output.WriteLine($"{seeds.Count} programs; {seen.SecondLooks} second looks found something, {seen.ToldLater} replies came before the last byte had left, "
            + $"{seen.JustSent} while it left; {seen.NewsJoined} times there was more to tell");
        Assert.All([seen.SecondLooks, seen.ToldLater, seen.JustSent, seen.NewsJoined], count => Assert.True(seeds.Count == 1 || count > seeds.Count / 100));
    }

    [Theory]
    [MemberData(nameof(Bugs))]
    public void The_programs_find(string bug)
    {
        (SidesRule rule, Func<SidesRun, int, SharedInFlight> share) = s_bugs[bug];
        var others = new HashSet<SidesRule>();
        for (int seed = 1; seed <= Patience; seed++)
        {
            try
            {
                SidesRun.Run(seed, share, new SidesSeen());
            }
            catch (SidesRuleBrokenException e) when (e.Rule == rule)
            {
                output.WriteLine(e.Message);
                return;
            }
            catch (SidesRuleBrokenException e)
            {
                others.Add(e.Rule);
            }
        }

        Assert.Fail($"{Patience} programs have not found {rule} broken, but {(others.Count == 0 ? "nothing" : string.Join(", ", others))}");
    }

    [Fact]
    public void Every_rule_has_a_seeded_bug() => Assert.Equal(Enum.GetValues<SidesRule>(), s_bugs.Values.Select(bug => bug.Rule).Distinct().Order());
}
