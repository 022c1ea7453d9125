using Harness.Compare;
using Harness.Measure;
using Harness.Results;

namespace Harness.Tests.Unit;

public class CompareFingerprintTests
{
    private static readonly RunRecord Run = ResultsSamples.Run;

    [Fact]
    public void Commit_time_load_and_name_are_what_is_compared_not_what_must_match() => Assert.Empty(Differences(
        Run with { Commit = "other", Started = ResultsSamples.Noon.AddYears(1), Matrix = "other", CommandLine = "other", Environment = Run.Environment with { LoadAverage1Min = 9 } }));

    [Fact]
    public void Every_other_fact_must_match()
    {
        Assert.Equal(["environment.cpu_model"], Differences(Of(facts => facts with { CpuModel = "Other" })));
        Assert.Equal(["environment.kernel_release"], Differences(Of(facts => facts with { KernelRelease = "6.13.0" })));
        Assert.Equal(["environment.dotnet.version"], Differences(Of(facts => facts with { Dotnet = facts.Dotnet with { Version = ".NET 11" } })));
        Assert.Equal(["environment.io_uring.setup_flags"], Differences(Of(facts => facts with { IoUring = facts.IoUring with { SetupFlags = "SQPOLL" } })));
        Assert.Equal(["duration_seconds"], Differences(Run with { DurationSeconds = 3 }));
        Assert.Equal(["load_cpu", "server_cpu"], Differences(Run with { ServerCpu = 1, LoadCpu = 0 }));
        Assert.Equal(["load_cpu", "server_cpu"], Differences(Run with { ServerCpu = null, LoadCpu = null }));
        Assert.Equal(["environment.hypervisor"], Differences(Of(facts => facts with { Hypervisor = "KVM" })));
        var knobs = new Dictionary<string, string> { ["DOTNET_TieredPGO"] = "0" };
        Assert.Equal(["environment.dotnet.knobs"], Differences(Of(facts => facts with { Dotnet = facts.Dotnet with { Knobs = knobs } })));
    }

    // Time that a sleeper waits for the host is in every figure of the one and in none of the other.
    [Fact]
    public void How_idle_cpus_sleep_must_match_where_both_runs_recorded_it()
    {
        RunRecord Polls(long? ns, string governor = "haltpoll") =>
            Of(facts => facts with { IdleDriver = "haltpoll", IdleGovernor = governor, GuestHaltPollNs = ns });
        string[] Between(RunRecord was, RunRecord now) =>
            [.. Fingerprint.Differences(Fingerprint.Of(was), Fingerprint.Of(now), null).Select(difference => difference.Fact)];
        Assert.Equal(["environment.guest_halt_poll_ns"], Between(Polls(0), Polls(200_000)));
        Assert.Equal(["environment.idle_governor"], Between(Polls(0), Polls(null, "menu")));
        Assert.Empty(Between(Polls(0), Polls(0)));
        Assert.Empty(Between(Run, Polls(0)));
    }

    [Fact]
    public void How_the_cpus_of_a_guest_sleep_is_what_its_kernel_brings_along()
    {
        RunRecord Guest(string idle, long? pollNs) =>
            Of(facts => facts with { IdleDriver = idle, IdleGovernor = idle, GuestHaltPollNs = pollNs }) with { Guest = KernelSamples.Guest("6.12.0") };
        var (was, now) = (Fingerprint.Of(Guest("haltpoll", 0)), Fingerprint.Of(Guest("haltpoll", 200_000)));
        Assert.Empty(Fingerprint.Differences(was, now, Fingerprint.KernelFactor));
        Assert.Single(Fingerprint.Differences(was, now, null));
        Assert.Empty(Fingerprint.Differences(was, Fingerprint.Of(Guest("menu", null)), Fingerprint.KernelFactor));
    }

    // Unknown is not different, but neither is it the same.
    [Fact]
    public void A_fact_that_one_run_lacks_is_told_and_does_not_refuse()
    {
        var lacking = Of(facts => facts with { CpuModel = null });
        Assert.Empty(Differences(lacking));
        Assert.Equal(
            "environment.cpu_model is 'Example CPU(TM) 9000' in BASE and 'not recorded' in NEW",
            Assert.Single(Fingerprint.Unknown(Fingerprint.Of(Run), Fingerprint.Of(lacking), null)).ToString());
    }

    [Fact]
    public void With_the_kernel_as_the_factor_it_may_differ_with_what_it_brings_and_nothing_else_may()
    {
        var other = Of(facts => facts with
        {
            KernelRelease = "6.13.0",
            IoUring = facts.IoUring with { SetupFlags = "NO_SQARRAY" },
            CpuModel = "Other",
            TcpCongestionControl = "bbr",
        });
        Assert.Equal(["environment.cpu_model"], Differences(other, Fingerprint.KernelFactor));
        Assert.Equal(3, Differences(other).Length);
    }

    [Theory]
    [InlineData("Mitigation: Retpolines", "Mitigation: Retpolines; IBPB", false)]
    [InlineData("Mitigation: Retpolines", "Vulnerable", true)]
    public void With_the_kernel_as_the_factor_a_mitigation_may_be_worded_anew_but_not_switched_off(string was, string now, bool differs)
    {
        RunRecord With(string state) => Of(facts => facts with { Mitigations = new Dictionary<string, string> { ["spectre_v2"] = state } });
        var differences = Fingerprint.Differences(Fingerprint.Of(With(was)), Fingerprint.Of(With(now)), Fingerprint.KernelFactor);
        Assert.Equal(differs, differences.Count > 0);
    }

    private static RunRecord Of(Func<EnvironmentFacts, EnvironmentFacts> change) => Run with { Environment = change(Run.Environment) };

    private static string[] Differences(RunRecord other, string? factor = null) =>
        [.. Fingerprint.Differences(Fingerprint.Of(Run), Fingerprint.Of(other), factor).Select(difference => difference.Fact)];
}
