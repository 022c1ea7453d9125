using FsCheck;
using FsCheck.Fluent;
using Harness.Io;
using Microsoft.FSharp.Core;

namespace Harness.Tests;

/// <summary>Programs at random until one breaks a rule; then the shortest that does.</summary>
internal static class LoopCheck
{
    /// <summary>The two or three numbers that a failure prints, with commas: plays it again.</summary>
    private const string ReplayVariable = "HARNESS_LOOP_REPLAY";

    private const string DefaultSeed = "20261121,1234567";

    private static readonly string s_seed = Environment.GetEnvironmentVariable(ReplayVariable) ?? DefaultSeed;

    public static string Description => $"{Programs} programs from seed {s_seed}; {ReplayVariable}=A,B[,SIZE] with the numbers of a failure plays it again";

    private static int Programs => TestScale.Pick(300, 5000);

    /// <summary>Skips where the kernel has no io_uring for a backend that is made of it.</summary>
    public static void Require(string backend)
    {
        if (backend.StartsWith("uring", StringComparison.Ordinal))
        {
            Skip.IfNot(RingProbe.TryRun(out _, out RingUnavailableException? reason), reason?.Message);
        }
    }

    /// <summary>Throws with the shortest program found that breaks a rule, and how to play it again.</summary>
    public static void Run(Func<LoopUnderTest> make, LoopTraits traits) =>
        Check.One(Configuration(Programs), Prop.ForAll(LoopPrograms.Arbitrary(), program => LoopProgramRunner.Run(program, make, traits)));

    /// <summary>The shortest program found that breaks this rule, with what it does; fails where none is found. Other rules may be broken meanwhile.</summary>
    public static string Find(LoopRule rule, Func<LoopUnderTest> make, LoopTraits traits)
    {
        try
        {
            Check.One(Configuration(5000), Prop.ForAll(LoopPrograms.Arbitrary(), program => RunFor(rule, program, make, traits)));
        }
        catch (Exception found) when (found.Message.Contains($"broken rule {rule}:", StringComparison.Ordinal))
        {
            return found.Message;
        }

        Assert.Fail($"5000 programs have not shown that {rule} is broken");
        return string.Empty;
    }

    private static void RunFor(LoopRule rule, LoopProgram program, Func<LoopUnderTest> make, LoopTraits traits)
    {
        try
        {
            LoopProgramRunner.Run(program, make, traits);
        }
        catch (LoopRuleBrokenException broken) when (broken.Rule != rule)
        {
            // A bug may break several rules.
        }
        catch (Exception e) when (e is InvalidOperationException or IoException)
        {
            // The loop refuses what follows from the bug.
        }
    }

    private static Config Configuration(int programs)
    {
        ulong[] seed = [.. s_seed.Split(',').Select(ulong.Parse)];
        FSharpOption<int>? size = seed.Length > 2 ? FSharpOption<int>.Some((int)seed[2]) : null;
        return Config.QuickThrowOnFailure.WithMaxTest(programs).WithQuietOnSuccess(true).WithReplay(new Replay(new Rnd(seed[0], seed[1]), size));
    }
}
