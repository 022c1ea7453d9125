using Harness.Io;
using Harness.Io.Native;

namespace Harness.Tests;

public sealed class RingCompleteTests
{
    [SkippableFact]
    public void Completions_that_found_the_queue_full_come_in_later_in_order_and_are_counted()
    {
        using Ring ring = RingFixture.Open(new RingOptions { Entries = 8, CompletionEntries = 8 });
        RingFixture.Require(ring, RingFeatures.NODROP);
        Assert.Equal(8u, ring.CompletionEntries);
        const int Total = 40;
        for (int i = 0; i < Total; i++)
        {
            Assert.True(ring.PrepareNop((ulong)i));
            if (ring.SqSpaceLeft == 0)
            {
                Assert.Equal(8, ring.Submit());
            }
        }

        Assert.Equal(8u, ring.CompletionsReady);
        Assert.True(ring.NeedsEnter);
        Assert.Equal(Enumerable.Range(0, Total).Select(i => (ulong)i), ring.Take(Total).Select(c => c.UserData));
        Assert.False(ring.NeedsEnter);
        Assert.True(ring.Overflows > 0);
        ring.AssertQuiet();
    }

    [SkippableFact]
    public void A_deferred_completion_is_announced_and_comes_in_with_a_call_that_does_not_wait()
    {
        using Ring ring = RingFixture.Open();
        RingFixture.Require(ring, SetupFlags.DEFER_TASKRUN);
        using var pipe = new TestPipe();
        ring.PreparePollAdd(pipe.ReadFd, Epoll.EPOLLIN, multishot: false, 1);
        Assert.Equal(1, ring.Submit());
        Assert.False(ring.NeedsEnter);
        pipe.Write(1);
        Assert.True(ring.NeedsEnter);
        Assert.False(ring.TryPeek(out _));
        Assert.Equal(0, ring.SubmitAndGetEvents());
        Assert.False(ring.NeedsEnter);
        Assert.True(ring.TryTake(out Cqe cqe));
        Assert.Equal((1ul, (int)Epoll.EPOLLIN), (cqe.UserData, cqe.Result));
        Assert.Equal(2, ring.Enters);
    }

    [SkippableFact]
    public void A_peek_takes_nothing()
    {
        using Ring ring = RingFixture.Open();
        Assert.False(ring.TryPeek(out _));
        ring.PrepareNop(5);
        ring.PrepareNop(6);
        ring.Submit();
        Assert.Equal(2u, ring.CompletionsReady);
        Assert.True(ring.TryPeek(out Cqe first) && ring.TryPeek(out Cqe again) && first.UserData == again.UserData);
        ring.Advance();
        Assert.True(ring.TryPeek(out Cqe second));
        Assert.Equal((5ul, 6ul, 1u, 1L), (first.UserData, second.UserData, ring.CompletionsReady, ring.Cqes));
    }

    [Fact]
    public void A_completion_tells_its_flags_apart()
    {
        var cqe = new Cqe(1, 7, (CqeFlags)0x1_0007);
        Assert.Equal(
            (true, true, true, (ushort)1, false, false),
            (cqe.HasBuffer, cqe.HasMore, cqe.SocketNonEmpty, cqe.BufferId, cqe.BufferHasMore, cqe.IsNotification));
        Assert.Equal((ushort)0xffff, new Cqe(1, 7, (CqeFlags)0xffff_0001).BufferId);
    }

    [SkippableFact]
    public void A_ring_is_disposed_of_twice_without_harm()
    {
        Ring ring = RingFixture.Open();
        ring.RegisterRingFd();
        ring.Dispose();
        ring.Dispose();
    }
}
