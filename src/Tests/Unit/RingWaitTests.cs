using Harness.Io;
using Harness.Io.Native;

namespace Harness.Tests;

/// <summary>
/// Time limits, in the call itself and, with the feature masked as on kernels before 5.11, by the ring's own timeout requests. Times have a lower bound only.
/// </summary>
public sealed class RingWaitTests
{
    private const long Limit = 30_000_000;

    private static Ring Open(bool inCall, uint entries = 8)
    {
        var environment = new RingEnvironment
        {
            Setup = (uint count, ref io_uring_params parameters) =>
            {
                int fd = IoUring.Setup(count, ref parameters);
                if (!inCall)
                {
                    parameters.features &= ~RingFeatures.EXT_ARG;
                }

                return fd;
            },
        };
        Ring ring = RingFixture.Open(new RingOptions { Entries = entries }, environment);
        if (inCall)
        {
            RingFixture.Require(ring, RingFeatures.EXT_ARG);
        }

        return ring;
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public void Nothing_submitted_and_nothing_came_is_ETIME_after_the_time_in_one_call(bool inCall)
    {
        using Ring ring = Open(inCall);
        long start = MonotonicClock.NowNs;
        Assert.Equal(-Errno.ETIME, ring.SubmitAndWait(1, Limit));
        Assert.True(MonotonicClock.NowNs - start >= Limit);
        // One call, hence one wait: it is the kernel that would have to wait twice.
        Assert.Equal(1, ring.Enters);
        Assert.False(ring.TryPeek(out _));
        Assert.Equal(0u, ring.CompletionsReady);
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public void Something_submitted_and_nothing_came_is_the_number_submitted_after_the_time(bool inCall)
    {
        using Ring ring = Open(inCall);
        using var pipe = new TestPipe();
        ring.PreparePollAdd(pipe.ReadFd, Epoll.EPOLLIN, multishot: false, 1);
        long start = MonotonicClock.NowNs;
        Assert.Equal(1, ring.SubmitAndWait(1, Limit));
        Assert.True(MonotonicClock.NowNs - start >= Limit);
        Assert.Equal(1, ring.Enters);
        Assert.Equal(0u, ring.CompletionsReady);
        pipe.Write(1);
        Assert.Equal(1ul, ring.TakeOne().UserData);
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_completion_ends_the_wait_and_fewer_than_asked_for_do_not(bool inCall)
    {
        using Ring ring = Open(inCall);
        ring.PrepareTimeout(Limit, 1);
        long start = MonotonicClock.NowNs;
        Assert.Equal(1, ring.SubmitAndWait(1, RingFixture.WatchdogNs));
        Assert.True(MonotonicClock.NowNs - start >= Limit);
        Assert.Equal((1ul, -Errno.ETIME), (ring.TakeOne() is var c ? c.UserData : 0, c.Result));

        ring.PrepareNop(2);
        start = MonotonicClock.NowNs;
        Assert.Equal(1, ring.SubmitAndWait(2, Limit));
        Assert.True(MonotonicClock.NowNs - start >= Limit);
        Assert.Equal(1u, ring.CompletionsReady);
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public void Enough_in_the_queue_is_no_wait_though_something_is_submitted(bool inCall)
    {
        using Ring ring = Open(inCall);
        using var pipe = new TestPipe();
        ring.PrepareNop(1);
        ring.Submit();
        // Without an end, were it waited for: the watchdog's time would be the answer.
        ring.PreparePollAdd(pipe.ReadFd, Epoll.EPOLLIN, multishot: false, 2);
        long start = MonotonicClock.NowNs;
        Assert.Equal(1, ring.SubmitAndWait(1, RingFixture.WatchdogNs));
        Assert.True(MonotonicClock.NowNs - start < RingFixture.WatchdogNs);
        Assert.Equal(1u, ring.CompletionsReady);
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_limit_of_zero_does_not_wait(bool inCall)
    {
        using Ring ring = Open(inCall);
        Assert.Equal(0, ring.SubmitAndWait(1, 0));
        Assert.Equal(0, ring.Enters);
        ring.PrepareTimeout(RingFixture.WatchdogNs, 1);
        Assert.Equal(1, ring.SubmitAndWait(1, 0));
        Assert.Equal(0u, ring.CompletionsReady);
    }

    // Each wait leaves a timeout behind where the call takes none; none may be seen, end a later wait early, or fill the queue.
    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public void Waits_that_follow_each_other_do_not_disturb_each_other(bool inCall)
    {
        using Ring ring = Open(inCall, entries: 2);
        for (ulong i = 0; i < 50; i++)
        {
            Assert.True(ring.PrepareNop(i));
            Assert.True(ring.SubmitAndWait(1, i % 2 == 0 ? 2_000_000 : RingFixture.WatchdogNs) >= 0);
            Assert.True(ring.TryTake(out Cqe cqe));
            Assert.Equal(i, cqe.UserData);
            if (i % 10 == 0)
            {
                Thread.Sleep(5);
            }
        }

        long start = MonotonicClock.NowNs;
        Assert.Equal(-Errno.ETIME, ring.SubmitAndWait(1, Limit));
        Assert.True(MonotonicClock.NowNs - start >= Limit);
        Assert.False(ring.TryPeek(out _));
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_full_submission_queue_leaves_room_for_the_limit(bool inCall)
    {
        using Ring ring = Open(inCall, entries: 4);
        for (ulong i = 0; i < 4; i++)
        {
            Assert.True(ring.PrepareNop(i));
        }

        Assert.Equal(4, ring.SubmitAndWait(5, Limit));
        Assert.Equal(4, ring.Take(4).Count);
    }

    // With nothing ever taken, what the ring made for itself must not fill the queue, nor turn a wait into a spin.
    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_caller_that_only_waits_still_waits_each_time(bool inCall)
    {
        using Ring ring = Open(inCall, entries: 1);
        Assert.Equal((2u, 8u), (ring.SubmissionEntries, ring.CompletionEntries));
        for (int i = 0; i < 40; i++)
        {
            long start = MonotonicClock.NowNs;
            Assert.Equal(-Errno.ETIME, ring.SubmitAndWait(1, 1_000_000));
            Assert.True(MonotonicClock.NowNs - start >= 1_000_000);
        }
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_completion_that_is_never_taken_ends_no_wait_for_two_and_hangs_none(bool inCall)
    {
        using Ring ring = Open(inCall, entries: 2);
        ring.PrepareNop(1);
        ring.Submit();
        for (int i = 0; i < 20; i++)
        {
            int result = ring.SubmitAndWait(2, 1_000_000);
            Assert.True(result is 0 or -Errno.EBUSY, $"{result}");
        }

        Assert.Equal(1ul, ring.TakeOne().UserData);
        Assert.Equal(-Errno.ETIME, ring.SubmitAndWait(1, 1_000_000));
        ring.PrepareNop(2);
        Assert.Equal(2ul, ring.TakeOne().UserData);
    }

    // Shorter than the call itself.
    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_limit_of_a_nanosecond_ends(bool inCall)
    {
        using Ring ring = Open(inCall);
        for (int i = 0; i < 100; i++)
        {
            Assert.Equal(-Errno.ETIME, ring.SubmitAndWait(3, 1));
        }
    }

    [SkippableFact]
    public void A_minimum_wait_makes_one_completion_enough()
    {
        using Ring ring = Open(inCall: true);
        RingFixture.Require(ring, RingFeatures.MIN_TIMEOUT);
        ring.PrepareNop(1);
        long start = MonotonicClock.NowNs;
        Assert.Equal(1, ring.SubmitAndWait(4, RingFixture.WatchdogNs, minWaitUs: 10_000));
        long waited = MonotonicClock.NowNs - start;
        Assert.InRange(waited, 10_000_000, RingFixture.WatchdogNs - 1);
        Assert.Equal(1u, ring.CompletionsReady);
    }

    [SkippableFact]
    public void A_timeout_counts_completions_and_can_be_removed()
    {
        using Ring ring = RingFixture.Open();
        ring.PrepareTimeout(RingFixture.WatchdogNs, 1, completions: 1);
        ring.PrepareNop(2);
        Assert.Equal([(2ul, 0), (1ul, 0)], ring.Take(2).Select(c => (c.UserData, c.Result)));

        ring.PrepareTimeout(RingFixture.WatchdogNs, 3);
        ring.PrepareTimeoutRemove(3, 4);
        ring.PrepareTimeoutRemove(99, 5);
        Dictionary<ulong, int> results = ring.Take(3).ToDictionary(c => c.UserData, c => c.Result);
        Assert.Equal((-Errno.ECANCELED, 0, -Errno.ENOENT), (results[3], results[4], results[5]));
    }

    [SkippableFact]
    public void A_linked_limit_that_strikes_is_ETIME_and_its_request_ECANCELED()
    {
        using Ring ring = RingFixture.Open();
        using var pipe = new TestPipe();
        ring.PreparePollAdd(pipe.ReadFd, Epoll.EPOLLIN, multishot: false, 1, SqeFlags.IO_LINK);
        ring.PrepareLinkTimeout(Limit, 2);
        long start = MonotonicClock.NowNs;
        Dictionary<ulong, int> results = ring.Take(2).ToDictionary(c => c.UserData, c => c.Result);
        Assert.True(MonotonicClock.NowNs - start >= Limit);
        Assert.Equal((-Errno.ECANCELED, -Errno.ETIME), (results[1], results[2]));
        ring.AssertQuiet();
    }

    [SkippableFact]
    public void A_linked_limit_in_time_is_ECANCELED_and_its_request_keeps_its_result()
    {
        using Ring ring = RingFixture.Open();
        using var pipe = new TestPipe();
        ring.PreparePollAdd(pipe.ReadFd, Epoll.EPOLLIN, multishot: false, 1, SqeFlags.IO_LINK);
        ring.PrepareLinkTimeout(RingFixture.WatchdogNs, 2);
        ring.Submit();
        pipe.Write(1);
        Dictionary<ulong, int> results = ring.Take(2).ToDictionary(c => c.UserData, c => c.Result);
        Assert.Equal(((int)Epoll.EPOLLIN, -Errno.ECANCELED), (results[1], results[2]));
    }

    [SkippableFact]
    public void A_negative_time_is_refused()
    {
        using Ring ring = RingFixture.Open();
        Assert.Throws<ArgumentOutOfRangeException>(() => ring.PrepareTimeout(-1, 1));
        Assert.Equal(0u, ring.SubmissionsPending);
    }
}
