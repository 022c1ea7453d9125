using Xunit.Abstractions;

namespace Harness.Tests;

/// <summary>The server against a model, by programs drawn at random; and bugs made on purpose, to see that the programs find them.</summary>
public sealed class EngineModelTests(ITestOutputHelper output)
{
    /// <summary>Programs that may be needed to find a bug.</summary>
    private const int Patience = 200;

    private static readonly Dictionary<string, (EngineRule Rule, EngineUnderTest Engine)> s_bugs = new()
    {
        ["a request is never answered"] = (EngineRule.Answered, new EngineWithStore((setup, random) => new NeverAnswersTrims(setup, random))),
        ["a reply gets lost"] = (EngineRule.Answered, new EngineThatSends(SeededChunks.Lost)),
        ["a reply is sent twice"] = (EngineRule.AnsweredOnce, new EngineThatSends(SeededChunks.Twice)),
        ["a reply has another's cookie"] = (EngineRule.AnsweredOnce, new EngineThatSends(SeededChunks.OfAnother)),
        ["a chunk is a byte off"] = (EngineRule.WellFormed, new EngineThatSends(SeededChunks.Moved)),
        ["DF is forgotten"] = (EngineRule.DfIsOneChunk, new EngineThatSends(SeededChunks.Split)),
        ["a byte is flipped on the way"] = (EngineRule.ReadSeesWrites, new EngineThatSends(SeededChunks.Flipped)),
        ["one write in ten gets lost"] = (EngineRule.ReadSeesWrites, new EngineWithStore((setup, random) => new LosesWrites(setup, random))),
        ["short writes go elsewhere"] = (EngineRule.ReadSeesWrites, new EngineWithStore((setup, random) => new MisplacesWrites(setup, random))),
        ["reads see what was flushed"] = (EngineRule.ReadSeesWrites, new EngineWithStore((setup, random) => new ReadsWhatWas(setup, random))),
        ["the last unit is not zeroed"] = (EngineRule.ReadSeesWrites, new EngineWithStore((setup, random) => new ZeroesTooFew(setup, random))),
        ["data is called a hole"] = (EngineRule.StatusIsTrue, new EngineWithStore((setup, random) => new CallsDataHoles(setup, random))),
        ["data is answered as a hole"] = (EngineRule.ReadSeesWrites, new EngineWithStore((setup, random) => new AnswersHoles(setup, random))),
        ["errors are swallowed"] = (EngineRule.ErrorIsTold, new EngineWithStore((setup, random) => new SwallowsErrors(setup, random))),
        ["bad requests have another error"] = (EngineRule.BadIsRefused, new EngineThatSends(SeededChunks.WithAnotherError)),
        ["the range is checked against another size"] = (EngineRule.StoreSeesOnlyGood, new EngineWithStore((setup, random) => new TooLarge(setup, random))),
        ["a filter is off by one"] = (EngineRule.StoreSeesOnlyGood, new OffByOne()),
        ["a flush does nothing"] = (EngineRule.FlushIsDurable, new EngineWithStore((setup, random) => new FlushesNothing(setup, random))),
        ["a flush is for one connection"] = (EngineRule.FlushIsDurable, new EngineWithStore((setup, random) => new FlushesItsOwn(setup, random))),
        ["FUA is ignored"] = (EngineRule.FuaIsDurable, new EngineWithStore((setup, random) => new IgnoresFua(setup, random))),
        ["FUA without the flush after"] = (EngineRule.FuaIsDurable, new EngineWithStore((setup, random) => new FlushesNothing(setup, random))),
        ["read-only is forgotten"] = (EngineRule.StoreSeesOnlyGood, new ForgetsReadOnly()),
        ["the window is one too large"] = (EngineRule.WindowIsKept, new CountsWrong()),
        ["who leaves is forgotten"] = (EngineRule.LeavingIsServed, new EngineWithStore((setup, random) => new NeverAnswersTrims(setup, random))),
        ["a gate lets writes through"] = (EngineRule.DrainHolds, new EngineWithGate((edge, home) => new LeakyGate(edge, home))),
        ["a gate forgets who waited"] = (EngineRule.Answered, new EngineWithGate((edge, home) => new ForgetfulGate(edge, home))),
        ["a drain waits for ever"] = (EngineRule.DrainEnds, new EngineWithStore((setup, random) => new NeverAnswersTrims(setup, random))),
        ["a buffer is kept"] = (EngineRule.NothingLeft, new EngineWithStore((setup, random) => new KeepsABuffer(setup, random))),
    };

    public static TheoryData<string> Bugs => [.. s_bugs.Keys];

    [Fact]
    public void The_server_does_what_the_model_does()
    {
        var engine = new EngineUnderTest();
        IReadOnlyList<int> seeds = TestScale.Seeds(150, 3000);
        foreach (int seed in seeds)
        {
            EngineRun.Run(seed, engine);
        }

        output.WriteLine($"{seeds.Count} programs");
    }

    /// <summary>As above, with the store whose holes clients are told of in answers to READs.</summary>
    [Fact]
    public void The_server_does_with_the_memory_store_what_the_model_does()
    {
        var engine = new EngineWithStore((setup, random) => new EngineMemoryStore(setup, random));
        IReadOnlyList<int> seeds = TestScale.Seeds(50, 1000);
        foreach (int seed in seeds)
        {
            EngineRun.Run(seed, engine);
        }

        output.WriteLine($"{seeds.Count} programs");
    }

    [Theory]
    [MemberData(nameof(Bugs))]
    public void The_programs_find(string bug)
    {
        (EngineRule rule, EngineUnderTest engine) = s_bugs[bug];
        var others = new HashSet<EngineRule>();
        for (int seed = 1; seed <= Patience; seed++)
        {
            try
            {
                EngineRun.Run(seed, engine);
            }
            catch (EngineRuleBrokenException e) when (e.Rule == rule)
            {
                output.WriteLine(e.Message);
                return;
            }
            catch (EngineRuleBrokenException e)
            {
                others.Add(e.Rule);
            }
        }

        Assert.Fail($"{Patience} programs have not found {rule} broken, but {(others.Count == 0 ? "nothing" : string.Join(", ", others))}");
    }

    [Fact]
    public void Every_rule_has_a_seeded_bug() => Assert.Equal(Enum.GetValues<EngineRule>(), s_bugs.Values.Select(bug => bug.Rule).Distinct().Order());
}
