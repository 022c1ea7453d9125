using Harness.Io;
using Harness.Io.Native;

namespace Harness.Tests;

public sealed class RingSubmitTests
{
    private const int EBADFD = 77;

    [SkippableTheory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(8)]
    public void A_batch_is_one_call_and_completes_in_order(int batch)
    {
        using Ring ring = RingFixture.Open();
        int rounds = TestScale.Pick(100, 10_000);
        ulong sent = 0;
        ulong expected = 0;
        for (int round = 0; round < rounds; round++)
        {
            for (int i = 0; i < batch; i++)
            {
                Assert.True(ring.PrepareNop(sent++));
            }

            Assert.Equal(batch, ring.SubmitAndWait((uint)batch));
            while (ring.TryTake(out Cqe cqe))
            {
                Assert.Equal((expected++, 0, CqeFlags.NONE), (cqe.UserData, cqe.Result, cqe.Flags));
            }
        }

        Assert.Equal(sent, expected);
        Assert.Equal(rounds, ring.Enters);
        Assert.Equal((long)sent, ring.Sqes);
        Assert.Equal((long)sent, ring.Cqes);
        Assert.Equal((long)sent, ring.SqesByOpcode[(int)RingOpcode.NOP]);
        Assert.Equal(0, ring.Overflows);
    }

    [SkippableFact]
    public void A_full_queue_says_so_and_takes_more_after_submission()
    {
        using Ring ring = RingFixture.Open();
        for (uint i = 0; i < ring.SubmissionEntries; i++)
        {
            Assert.Equal(ring.SubmissionEntries - i, ring.SqSpaceLeft);
            Assert.True(ring.PrepareNop(i));
        }

        Assert.False(ring.PrepareNop(99));
        Assert.False(ring.PrepareTimeout(0, 99));
        Assert.False(ring.PrepareReceive(0, 0, 0, 0, 99));
        Assert.Equal(0u, ring.SqSpaceLeft);
        Assert.Equal(ring.SubmissionEntries, ring.SubmissionsPending);
        Assert.Equal((int)ring.SubmissionEntries, ring.Submit());
        Assert.Equal(0u, ring.SubmissionsPending);
        Assert.True(ring.PrepareNop(8));
        Assert.Equal(Enumerable.Range(0, 9).Select(i => (ulong)i), ring.Take(9).Select(c => c.UserData));
    }

    [SkippableFact]
    public void Nothing_to_do_is_no_call()
    {
        using Ring ring = RingFixture.Open();
        Assert.Equal(0, ring.Submit());
        Assert.Equal(0, ring.SubmitAndGetEvents());
        Assert.Equal(0, ring.SubmitAndWait(0));
        Assert.Equal(0, ring.Enters);
        ring.PrepareNop(1);
        ring.Submit();
        Assert.Equal(0, ring.SubmitAndWait(1));
        Assert.Equal(1, ring.Enters);
    }

    [SkippableFact]
    public void Entries_are_counted_when_published_and_only_once()
    {
        using Ring ring = RingFixture.Open();
        ring.PrepareNop(1);
        ring.PrepareTimeout(0, 2);
        Assert.Equal(0, ring.Sqes);
        ring.Take(2);
        ring.Submit();
        Assert.Equal(2, ring.Sqes);
        Assert.Equal(1, ring.SqesByOpcode[(int)RingOpcode.NOP]);
        Assert.Equal(1, ring.SqesByOpcode[(int)RingOpcode.TIMEOUT]);
    }

    // A no-op has no use for a provided buffer: the kernel refuses the entry when it reads it.
    [SkippableFact]
    public void Without_SUBMIT_ALL_a_bad_entry_stops_the_batch_and_the_rest_goes_with_the_next_call()
    {
        using Ring ring = RingFixture.Open(new RingOptions { Entries = 8, SubmitAll = false });
        ring.PrepareNop(1);
        ring.PrepareNop(2, SqeFlags.BUFFER_SELECT);
        ring.PrepareNop(3);
        Assert.Equal(2, ring.Submit());
        Assert.Equal(1u, ring.SubmissionsPending);
        Assert.Equal(1, ring.Submit());
        Assert.Equal([(1ul, true), (2ul, false), (3ul, true)], ring.Take(3).Select(c => (c.UserData, c.Result == 0)));
        Assert.Equal(3, ring.Sqes);
    }

    [SkippableFact]
    public void With_SUBMIT_ALL_a_bad_entry_fails_alone()
    {
        using Ring ring = RingFixture.Open();
        RingFixture.Require(ring, SetupFlags.SUBMIT_ALL);
        ring.PrepareNop(1);
        ring.PrepareNop(2, SqeFlags.BUFFER_SELECT);
        ring.PrepareNop(3);
        Assert.Equal(3, ring.Submit());
        Assert.Equal([(1ul, true), (2ul, false), (3ul, true)], ring.Take(3).Select(c => (c.UserData, c.Result == 0)));
    }

    [SkippableFact]
    public void Another_thread_is_told_EEXIST_and_its_entry_goes_out_with_the_owners_next_call()
    {
        using Ring ring = RingFixture.Open();
        RingFixture.Require(ring, SetupFlags.SINGLE_ISSUER);
        Assert.True(ring.PrepareNop(7));
        Assert.Equal(-Errno.EEXIST, OnAnotherThread(ring.Submit));
        Assert.Equal(-Errno.EEXIST, OnAnotherThread(() => ring.SubmitAndWait(1, 1_000_000)));
        Assert.Equal(1, ring.Submit());
        Assert.Equal(7ul, ring.TakeOne().UserData);
        Assert.Equal(1, ring.Sqes);
    }

    [SkippableFact]
    public void A_disabled_ring_refuses_and_belongs_to_the_thread_that_enables_it()
    {
        Skip.IfNot(RingProbe.TryRun(out RingProbe? probe, out RingUnavailableException? reason), reason?.Message);
        Skip.IfNot((probe!.Flags & SetupFlags.SINGLE_ISSUER) != 0, "this kernel does not grant SINGLE_ISSUER");
        using var ring = new Ring(new RingOptions { Entries = 8 });
        Assert.False(ring.IsEnabled);
        ring.PrepareNop(1);
        Assert.Equal(-EBADFD, ring.Submit());

        // Take only returns once a completion came, so the other thread did submit.
        ulong userData = OnAnotherThread(() =>
        {
            ring.Enable();
            ring.Enable();
            return ring.TakeOne().UserData;
        });

        Assert.Equal(1ul, userData);
        Assert.True(ring.IsEnabled);
        ring.PrepareNop(2);
        Assert.Equal(-Errno.EEXIST, ring.Submit());
    }

    [SkippableFact]
    public void A_link_is_cut_by_a_failure_and_a_hard_link_is_not()
    {
        using Ring ring = RingFixture.Open();
        ring.PrepareRead(-1, 0, 0, 0, 1, SqeFlags.IO_LINK);
        ring.PrepareNop(2);
        ring.PrepareRead(-1, 0, 0, 0, 3, SqeFlags.IO_HARDLINK);
        ring.PrepareNop(4);
        Dictionary<ulong, int> results = ring.Take(4).ToDictionary(c => c.UserData, c => c.Result);
        Assert.Equal(-Errno.EBADF, results[1]);
        Assert.Equal(-Errno.ECANCELED, results[2]);
        Assert.Equal(-Errno.EBADF, results[3]);
        Assert.Equal(0, results[4]);
    }

    [SkippableFact]
    public void Success_can_be_silent()
    {
        using Ring ring = RingFixture.Open();
        RingFixture.Require(ring, RingFeatures.CQE_SKIP);
        ring.PrepareNop(1, SqeFlags.CQE_SKIP_SUCCESS);
        ring.PrepareRead(-1, 0, 0, 0, 2, SqeFlags.CQE_SKIP_SUCCESS);
        ring.PrepareNop(3);
        Assert.Equal([2ul, 3ul], ring.Take(2).Select(c => c.UserData));
        ring.AssertQuiet();
    }

    [SkippableFact]
    public void One_ring_posts_into_another()
    {
        using Ring sender = RingFixture.Open();
        using Ring receiver = RingFixture.Open();
        RingFixture.Require(RingOpcode.MSG_RING);
        sender.PrepareMessage(receiver.FileDescriptor, 42, 1234, 1);
        Assert.Equal((1ul, 0), (sender.TakeOne() is var c ? c.UserData : 0, c.Result));
        Cqe message = receiver.TakeOne();
        Assert.Equal((42ul, 1234), (message.UserData, message.Result));
    }

    // The thread falls asleep between the rounds, so a wake-up that is missed leaves an entry lying and the wait without an end.
    [SkippableFact]
    public void The_kernels_submission_thread_is_woken_when_it_sleeps()
    {
        using Ring ring = RingFixture.Open(new RingOptions { Entries = 8, SubmissionPolling = true, SubmissionPollingIdleMs = 1 });
        Assert.Equal(SetupFlags.SQPOLL, ring.Flags & (SetupFlags.SQPOLL | SetupFlags.DEFER_TASKRUN));
        for (ulong i = 0; i < 20; i++)
        {
            Assert.True(ring.PrepareNop(i));
            Assert.Equal(1, ring.Submit());
            Assert.Equal(i, ring.TakeOne().UserData);
            if (i % 4 == 0)
            {
                Thread.Sleep(20);
            }
        }

        Assert.Equal(20, ring.Sqes);
    }

    [SkippableFact]
    public void The_hot_path_allocates_nothing()
    {
        using Ring ring = RingFixture.Open();
        Cycle(ring, 100);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Cycle(ring, 1000);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private static void Cycle(Ring ring, int rounds)
    {
        for (int i = 0; i < rounds; i++)
        {
            ring.PrepareNop(1);
            ring.PrepareTimeout(0, 2);
            ring.SubmitAndWait(2, RingFixture.WatchdogNs);
            while (ring.TryTake(out _))
            {
            }
        }
    }

    private static T OnAnotherThread<T>(Func<T> action)
    {
        T result = default!;
        Exception? error = null;
        var thread = new Thread(() =>
        {
            try
            {
                result = action();
            }
            catch (Exception e)
            {
                error = e;
            }
        });
        thread.Start();
        thread.Join();
        Assert.Null(error);
        return result;
    }
}
