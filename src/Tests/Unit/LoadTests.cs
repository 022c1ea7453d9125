using System.Globalization;
using Harness.Load;
using Harness.Matrix;
using Harness.Nbd;
using Harness.Results;
using HdrHistogram;

namespace Harness.Tests;

/// <summary>The parts of the load generator: order of blocks, intervals, checks before a run, the printed result.</summary>
public class LoadTests
{
    private const long SecondNs = 1_000_000_000;

    private static readonly LoadOptions s_options = new() { Uri = "nbd://h/x", Backend = "epoll", Wait = "block" };

    [Fact]
    public void The_same_seed_gives_the_same_order_and_connections_differ()
    {
        ulong[] Take(int connection, ulong seed)
        {
            var picker = new BlockPicker(AccessPattern.Random, 1000, connection, 2, seed);
            return [.. Enumerable.Range(0, 100).Select(_ => picker.Next())];
        }

        Assert.Equal(Take(0, 1), Take(0, 1));
        Assert.NotEqual(Take(0, 1), Take(1, 1));
        Assert.NotEqual(Take(0, 1), Take(0, 2));
        Assert.All(Take(0, 3), block => Assert.InRange(block, 0ul, 999ul));
    }

    [Fact]
    public void Random_blocks_reach_everywhere_even_in_the_largest_export()
    {
        var small = new BlockPicker(AccessPattern.Random, 16, 0, 1, 1);
        Assert.Equal(16, Enumerable.Range(0, 1000).Select(_ => small.Next()).Distinct().Count());
        var large = new BlockPicker(AccessPattern.Random, 1UL << 54, 0, 1, 1);
        Assert.Contains(Enumerable.Range(0, 100).Select(_ => large.Next()), block => block > 1UL << 53);
    }

    [Fact]
    public void Sequential_connections_begin_apart_and_go_round()
    {
        var second = new BlockPicker(AccessPattern.Sequential, 10, 1, 2, 1);
        Assert.Equal([5, 6, 7, 8, 9, 0, 1], Enumerable.Range(0, 7).Select(_ => second.Next()));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(70)]
    [InlineData(100)]
    public void The_share_of_reads_is_kept(int percent)
    {
        var picker = new BlockPicker(AccessPattern.Random, 10, 0, 1, 1);
        int slack = percent % 100 * 3;
        Assert.InRange(Enumerable.Range(0, 10_000).Count(_ => picker.NextIsRead(percent)), (percent * 100) - slack, (percent * 100) + slack);
    }

    [Theory]
    [InlineData(0.5)]
    [InlineData(0.99)]
    [InlineData(1)]
    [InlineData(2.5)]
    public void Zipf_ranks_come_as_often_as_they_should(double theta)
    {
        const int Ranks = 50;
        const int Draws = 200_000;
        var zipf = new ZipfRanks(Ranks, theta);
        var random = new SplitMix64(3);
        long[] counts = new long[Ranks + 1];
        for (int i = 0; i < Draws; i++)
        {
            counts[zipf.Next(ref random)]++;
        }

        double sum = Enumerable.Range(1, Ranks).Sum(rank => Math.Pow(rank, -theta));
        double[] expected = [.. Enumerable.Range(1, Ranks).Select(rank => Draws * Math.Pow(rank, -theta) / sum)];
        double chiSquare = expected.Zip(counts.Skip(1), (e, n) => (n - e) * (n - e) / e).Sum();
        // 49 degrees of freedom: a good sample exceeds 85.4 once in a thousand times, and the seed is fixed.
        Assert.InRange(chiSquare, 0, 85.4);
    }

    [Fact]
    public void A_hot_set_is_the_same_for_all_connections_scattered_and_reaches_every_block()
    {
        ulong[] Take(int connection, ulong blocks, int count, double theta)
        {
            var picker = new BlockPicker(AccessPattern.Zipf, blocks, connection, 4, 1, theta);
            return [.. Enumerable.Range(0, count).Select(_ => picker.Next())];
        }

        ulong[] Hottest(int connection)
        {
            var visits = Take(connection, 10_000, 20_000, 1.2).CountBy(block => block);
            return [.. visits.OrderByDescending(pair => pair.Value).Take(3).Select(pair => pair.Key)];
        }

        Assert.Equal(Hottest(0), Hottest(3));
        Assert.NotEqual(Take(0, 1000, 10, 0.9), Take(1, 1000, 10, 0.9));
        Assert.True(Math.Abs((long)Hottest(0)[0] - (long)Hottest(0)[1]) > 1000);
        Assert.Equal(64, Take(0, 64, 20_000, 0.3).Distinct().Count());
        Assert.All(Take(0, 1UL << 54, 1000, 0.99), block => Assert.InRange(block, 0UL, (1UL << 54) - 1));
        Assert.Equal([0UL, 0UL], Take(0, 1, 2, 0.99));
    }

    [Fact]
    public void Sizes_come_in_their_shares()
    {
        var sizes = RequestSizes.Parse("4k:70,64k:29,512:1");
        Assert.Equal([512, 4096, 65_536], Enumerable.Range(0, 100).Select(i => sizes.Pick((ulong)i)).Distinct().Order());
        Assert.Equal([70, 29, 1], sizes.Bytes.Select(bytes => Enumerable.Range(0, 100).Count(i => sizes.Pick((ulong)i) == bytes)));
        Assert.Equal((65_536, "4k:70+64k:29+512:1"), (sizes.Largest, sizes.ToString()));
    }

    [Fact]
    public void Intervals_are_seconds_and_double_when_they_run_out()
    {
        var log = new IntervalLog(intervals: 4);
        log.Start(0);
        for (int second = 0; second < 9; second++)
        {
            log.Record(1000 + second, second * SecondNs);
        }

        HistogramBase[] intervals = log.Finish((9 * SecondNs) - 1);
        Assert.Equal([4, 4, 1], intervals.Select(interval => interval.TotalCount));
        Assert.Equal([4000, 4000, 999], intervals.Select(interval => interval.EndTimeStamp - interval.StartTimeStamp));
        Assert.Equal(9, log.Sum().TotalCount);
        Assert.Equal(1000, log.Sum().GetMinValue());
        Assert.Equal(1008, log.Sum().GetMaxValue());
    }

    [Fact]
    public void An_idle_time_leaves_empty_intervals()
    {
        var log = new IntervalLog(intervals: 8);
        log.Start(5 * SecondNs);
        log.Record(1, 5 * SecondNs);
        log.Record(2, 8 * SecondNs);
        Assert.Equal([1, 0, 0, 1], log.Finish(9 * SecondNs).Select(interval => interval.TotalCount));
    }

    [Fact]
    public void What_does_not_fit_is_bad_usage()
    {
        Refused(() => LoadChecks.Options(s_options with { Verify = VerifyMode.Pattern, ReadPercent = 50 }), "--verify pattern only reads");
        Refused(() => LoadChecks.Options(s_options with { Verify = VerifyMode.Versions, RequestBytes = 4097 }), "4097 is no multiple of 8");
        Refused(() => LoadChecks.Options(s_options with { RequestBytes = 32 << 20, Depth = 1024 }), "2 GiB");
        Refused(() => LoadChecks.Options(s_options with { RequestBytes = 32 << 20, Depth = 63, Connections = 1024 }), "of memory, and this machine has");
        var export = new ExportInfo { Size = 1 << 20, Flags = TransmissionFlags.HasFlags, BlockSize = new BlockSizeConstraints(512, 4096, 65_536) };
        Refused(() => LoadChecks.Export(s_options with { RequestBytes = 1000 }, export, 65_536), "multiples of 512");
        Refused(() => LoadChecks.Export(s_options with { RequestBytes = 1 << 17 }, export, 65_536), "at most 64k");
        Refused(() => LoadChecks.Export(s_options with { RequestBytes = 1024 }, export with { Size = 512 }, 65_536), "512 bytes");
        Refused(() => LoadChecks.Export(s_options with { Verify = VerifyMode.Versions, Depth = 200 }, export, 65_536), "256 blocks");
        LoadChecks.Export(s_options with { Verify = VerifyMode.Versions, Depth = 128 }, export, 65_536);
    }

    [Fact]
    public void Writing_to_a_read_only_export_is_refused_before_the_first_request()
    {
        var export = new ExportInfo { Size = 1 << 20, Flags = TransmissionFlags.HasFlags | TransmissionFlags.ReadOnly };
        var problem = Assert.Throws<HarnessException>(() => LoadChecks.Export(s_options with { ReadPercent = 50 }, export, 65_536));
        Assert.Equal(ExitCode.Failed, problem.ExitCode);
        Assert.Contains("read-only", problem.Message, StringComparison.Ordinal);
        LoadChecks.Export(s_options, export, 65_536);
    }

    [Fact]
    public void The_result_is_a_few_lines_for_people()
    {
        var latency = new LatencySummary { Min = 1, P50 = 20, P90 = 30, P99 = 40.26, P999 = 500, Max = 12_345, Mean = 21, Count = 1000 };
        var result = new LoadResult
        {
            Ops = 1000,
            Errors = 1,
            Seconds = 2,
            Iops = 500,
            BytesPerSecond = 500 * 4096,
            Backend = "epoll",
            Wait = "block",
            LatencyUs = latency,
            Client = new SideCosts { CpuUsPerOp = 1.5, SyscallsPerOp = 0.25, GcCount = 0 },
        };
        using var text = new StringWriter(CultureInfo.InvariantCulture) { NewLine = "\n" };
        LoadText.Write(s_options, result, "verified: all right", text);
        string[] lines = text.ToString().TrimEnd().Split('\n');
        Assert.Equal(6, lines.Length);
        Assert.Equal("nbd://h/x · epoll, block · closed loop, random read, 4,096 bytes, 1 connection × 64 in flight", lines[0]);
        Assert.Equal("1,000 operations in 2.00 s: 500 per second, 2.0 MiB/s, 1 error", lines[1]);
        Assert.Equal("latency        1.0     20.0     30.0     40.3      500     12,345     21.0", lines[3]);
        Assert.Equal("client per operation: 1.5 µs CPU, 0.25 system calls; 0 collections", lines[4]);
    }

    private static void Refused(Action action, string words)
    {
        var problem = Assert.Throws<HarnessException>(action);
        Assert.Equal(ExitCode.Usage, problem.ExitCode);
        Assert.Contains(words, problem.Message, StringComparison.Ordinal);
    }
}
