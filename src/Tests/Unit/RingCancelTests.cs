using Harness.Io;
using Harness.Io.Native;

namespace Harness.Tests;

/// <summary>How cancelling looks on the completion queue: what the loop's closing stands on.</summary>
public sealed class RingCancelTests
{
    [SkippableFact]
    public void By_user_data_the_cancel_completes_first_and_its_target_after_it_without_more()
    {
        using Ring ring = RingFixture.Open();
        using var pipe = new TestPipe();
        ring.PreparePollAdd(pipe.ReadFd, Epoll.EPOLLIN, multishot: true, 1);
        ring.PrepareCancel(1, 2);
        List<Cqe> cqes = ring.Take(2);
        Assert.Equal([(2ul, 0), (1ul, -Errno.ECANCELED)], cqes.Select(c => (c.UserData, c.Result)));
        Assert.False(cqes[1].HasMore);
        ring.AssertQuiet();
    }

    [SkippableFact]
    public void By_descriptor_the_cancel_says_how_many_before_any_of_them_completes()
    {
        using Ring ring = RingFixture.Open();
        using var pipe = new TestPipe();
        RequireCancelFd(ring);
        for (ulong i = 1; i <= 3; i++)
        {
            ring.PreparePollAdd(pipe.ReadFd, Epoll.EPOLLIN, multishot: false, i);
        }

        ring.PrepareCancelFd(pipe.ReadFd, all: true, 9);
        List<Cqe> cqes = ring.Take(4);
        Assert.Equal((9ul, 3), (cqes[0].UserData, cqes[0].Result));
        Assert.Equal([1ul, 2ul, 3ul], cqes.Skip(1).Select(c => c.UserData).Order());
        Assert.All(cqes.Skip(1), c => Assert.Equal(-Errno.ECANCELED, c.Result));
        ring.AssertQuiet();
    }

    [SkippableFact]
    public void By_descriptor_without_all_one_goes_and_the_others_stay()
    {
        using Ring ring = RingFixture.Open();
        using var pipe = new TestPipe();
        RequireCancelFd(ring);
        ring.PreparePollAdd(pipe.ReadFd, Epoll.EPOLLIN, multishot: false, 1);
        ring.PreparePollAdd(pipe.ReadFd, Epoll.EPOLLIN, multishot: false, 2);
        ring.PrepareCancelFd(pipe.ReadFd, all: false, 9);
        List<Cqe> cqes = ring.Take(2);
        Assert.Equal((9ul, 0), (cqes[0].UserData, cqes[0].Result));
        Assert.Equal(-Errno.ECANCELED, cqes[1].Result);
        ring.AssertQuiet();
        pipe.Write(1);
        Cqe other = ring.TakeOne();
        Assert.Equal((3ul - cqes[1].UserData, (int)Epoll.EPOLLIN), (other.UserData, other.Result));
    }

    [SkippableFact]
    public void Nothing_to_cancel_is_ENOENT()
    {
        using Ring ring = RingFixture.Open();
        ring.PrepareCancel(77, 1);
        ring.PreparePollRemove(77, 2);
        Assert.Equal([(1ul, -Errno.ENOENT), (2ul, -Errno.ENOENT)], ring.Take(2).Select(c => (c.UserData, c.Result)));
    }

    [SkippableFact]
    public void A_close_ends_no_request_and_only_user_data_still_finds_it()
    {
        using Ring ring = RingFixture.Open();
        using var pipe = new TestPipe();
        RequireCancelFd(ring);
        int fd = pipe.ReadFd;
        ring.PreparePollAdd(fd, Epoll.EPOLLIN, multishot: true, 1);
        ring.Submit();
        pipe.CloseReader();
        ring.AssertQuiet();
        // The pipe has lost its reader, but the request holds it: a write succeeds, and the poll fires on a closed descriptor.
        pipe.Write(1);
        Cqe late = ring.TakeOne();
        Assert.Equal((1ul, true), (late.UserData, late.HasMore));

        ring.PrepareCancelFd(fd, all: true, 2);
        Assert.Equal(-Errno.EBADF, ring.TakeOne().Result);
        ring.PrepareCancel(1, 3);
        Assert.Equal([(3ul, 0), (1ul, -Errno.ECANCELED)], ring.Take(2).Select(c => (c.UserData, c.Result)));
        ring.AssertQuiet();
        Assert.Throws<IOException>(() => pipe.Write(1));
    }

    [SkippableFact]
    public void A_removed_poll_completes_with_ECANCELED()
    {
        using Ring ring = RingFixture.Open();
        using var pipe = new TestPipe();
        ring.PreparePollAdd(pipe.ReadFd, Epoll.EPOLLIN, multishot: false, 1);
        ring.PreparePollRemove(1, 2);
        Dictionary<ulong, int> results = ring.Take(2).ToDictionary(c => c.UserData, c => c.Result);
        Assert.Equal((-Errno.ECANCELED, 0), (results[1], results[2]));
    }

    [SkippableFact]
    public void Everything_can_be_cancelled_at_once()
    {
        using Ring ring = RingFixture.Open();
        using var pipe = new TestPipe();
        RequireCancelFd(ring);
        ring.PreparePollAdd(pipe.ReadFd, Epoll.EPOLLIN, multishot: true, 1);
        ring.PrepareTimeout(RingFixture.WatchdogNs, 2);
        ring.PrepareCancelAny(3);
        List<Cqe> cqes = ring.Take(3);
        Assert.Equal((3ul, 2), (cqes[0].UserData, cqes[0].Result));
        Assert.All(cqes.Skip(1), c => Assert.Equal(-Errno.ECANCELED, c.Result));
    }

    // IORING_ASYNC_CANCEL_FD came with 5.19, and so did the SOCKET operation.
    private static void RequireCancelFd(Ring ring)
    {
        Assert.True(ring.IsEnabled);
        RingFixture.Require(RingOpcode.SOCKET);
    }
}
