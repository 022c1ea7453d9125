using Harness.Measure;

namespace Harness.Tests.Unit;

public sealed class FingerprintTests
{
    private static readonly EnvironmentFacts Facts = ResultsSamples.Environment with
    {
        TcpCongestionControl = "bbr",
        Mitigations = new Dictionary<string, string> { ["meltdown"] = "Not affected" },
    };

    [Fact]
    public void The_same_facts_have_the_same_fingerprint()
    {
        var (a, b) = (Of(Facts), Of(Facts with { LoadAverage1Min = 7, MemoryBytes = 1 }));
        Assert.Empty(Fingerprint.Differences(a, b));
        Assert.Equal(a.Hash, b.Hash);
        Assert.Matches("^[0-9a-f]{12}$", a.Hash);
        Assert.Equal(a.Lines.Count, a.Lines.Select(line => line.Name).Distinct().Count());
    }

    [Fact]
    public void A_difference_names_the_line_and_both_values()
    {
        var other = Facts with { KernelRelease = "6.18.0", Governor = "powersave", Mitigations = new Dictionary<string, string>() };
        Assert.Equal(
            ["kernel_release: '6.12.0' against '6.18.0'", "mitigation_meltdown: 'Not affected' against not known", "governor: not known against 'powersave'"],
            Fingerprint.Differences(Of(Facts), Of(other)));
        Assert.NotEqual(Of(Facts).Hash, Of(other).Hash);
    }

    [Fact]
    public void The_kernel_may_be_the_one_thing_that_differs()
    {
        var other = Facts with { KernelRelease = "6.18.0", IoUring = Facts.IoUring with { SetupFlags = "SINGLE_ISSUER|NO_SQARRAY" } };
        Assert.Empty(Fingerprint.Differences(Of(Facts), Of(other), Fingerprint.KernelLines));
        Assert.Single(Fingerprint.Differences(Of(Facts), Of(other with { Clocksource = "hpet" }), Fingerprint.KernelLines));
    }

    [Fact]
    public void Pinning_and_knobs_and_the_forced_congestion_control_are_part_of_it()
    {
        var knob = Facts with { Dotnet = Facts.Dotnet with { Knobs = new Dictionary<string, string> { ["DOTNET_TieredPGO"] = "0" } } };
        Assert.Equal("DOTNET_TieredPGO: not known against '0'", Assert.Single(Fingerprint.Differences(Of(Facts), Of(knob))));
        Assert.Equal("load_cpu: '1' against '2'", Assert.Single(Fingerprint.Differences(Of(Facts), Fingerprint.Of(Facts, 0, 2, null))));
        Assert.Equal("tcp_congestion_control: 'bbr' against 'reno'", Assert.Single(Fingerprint.Differences(Of(Facts), Fingerprint.Of(Facts, 0, 1, "reno"))));
        // Where it is forced, the machine's default is of no account.
        Assert.Empty(Fingerprint.Differences(Fingerprint.Of(Facts, 0, 1, "reno"), Fingerprint.Of(Facts with { TcpCongestionControl = "cubic" }, 0, 1, "reno")));
    }

    private static Fingerprint Of(EnvironmentFacts facts) => Fingerprint.Of(facts, 0, 1, null);
}
