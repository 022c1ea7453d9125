using Harness.Measure;

namespace Harness.Tests.Unit;

/// <summary>What a thread that only reads the clock tells about the machine; the clock here is made up.</summary>
public sealed class StallWatchTests
{
    [Fact]
    public void Gaps_from_20_µs_on_are_stalls_and_the_looks_themselves_are_none()
    {
        var watch = new StallWatch();
        foreach (long nowNs in (long[])[1_000, 1_030, 20_999, 41_000, 41_030, 3_041_030, 3_061_000])
        {
            watch.Look(nowNs);
        }

        Assert.Equal(new Stalls(0.00306, 2, 3020.001, 3000), watch.Found);
    }

    [Fact]
    public void A_machine_that_stalls_for_long_is_warned_of_and_one_that_ticks_is_not()
    {
        Assert.Null(StallWatch.Warning([new Stalls(1, 50, 2000, 60), new Stalls(1, 50, 2000, 60)]));
        var warning = StallWatch.Warning([new Stalls(1, 2, 12_000, 10_000), new Stalls(1, 0, 0, 0)])!;
        Assert.Equal("stalls", warning.Id);
        Assert.StartsWith("threads that never sleep were kept from running for 0.6 % of the time, up to 10.0 ms at once", warning.Text, StringComparison.Ordinal);
    }
}
