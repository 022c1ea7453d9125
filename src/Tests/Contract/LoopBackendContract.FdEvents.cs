using Harness.Io;
using Harness.Io.Native;
using Socket = System.Net.Sockets.Socket;

namespace Harness.Tests;

/// <content>Events of descriptors: what they are told, and how often.</content>
public abstract partial class LoopBackendContract
{
    [Fact]
    public void An_event_is_told_as_long_as_the_descriptor_is_ready()
    {
        using var test = new LoopHarness(Backend);
        (int fd, Socket peer) = test.Pair();
        var reader = new RecordedFd();
        test.Loop.AddFd(reader.Event, fd, FdFlags.Read);
        Assert.False(test.Loop.LoopOnce(0));
        peer.Send("a"u8);
        for (int i = 1; i <= 3; i++)
        {
            Assert.True(test.Loop.LoopOnce(1_000_000_000), $"told {reader.Count} times");
            Assert.Equal((i, FdFlags.Read), (reader.Count, reader.Ready));
        }

        test.Loop.RemoveFd(reader.Event);
        Assert.False(test.Loop.LoopOnce(0));
        peer.Dispose();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void An_event_is_told_until_all_is_consumed_and_no_longer(bool batched)
    {
        using var test = new LoopHarness(Backend);
        (int fd, int peer) = test.Fds();
        var reader = new RecordedFd(_ => FdBytes.Read(fd));
        test.Loop.AddFd(reader.Event, fd, FdFlags.Read);
        for (int round = 1; round <= 3; round++)
        {
            FdBytes.Write(peer, 3);
            for (int i = 0; i < 8; i++)
            {
                test.Once(batched);
            }

            // A read of a descriptor with nothing to read would have blocked.
            Assert.Equal(3 * round, reader.Count);
        }
    }

    [Fact]
    public void A_reader_and_a_writer_of_one_descriptor_are_told_each_of_its_own()
    {
        using var test = new LoopHarness(Backend);
        (int fd, int peer) = test.Fds();
        var reader = new RecordedFd();
        var writer = new RecordedFd();
        var both = new RecordedFd();
        test.Loop.AddFd(reader.Event, fd, FdFlags.Read);
        test.Loop.AddFd(writer.Event, fd, FdFlags.Write);
        test.Loop.AddFd(both.Event, fd, FdFlags.ReadWrite);
        test.LoopTimes(4);
        Assert.Equal((0, 2, 2), (reader.Count, writer.Count, both.Count));
        Assert.Equal((FdFlags.Write, FdFlags.Write), (writer.Ready, both.Ready));

        FdBytes.Write(peer);
        test.LoopTimes(6);
        Assert.Equal((2, 4, 4), (reader.Count, writer.Count, both.Count));
        Assert.Equal((FdFlags.Read, FdFlags.Write, FdFlags.ReadWrite), (reader.Ready, writer.Ready, both.Ready));

        test.Loop.RemoveFd(writer.Event);
        test.Loop.RemoveFd(both.Event);
        test.LoopTimes(2);
        Assert.Equal((4, 4, 4), (reader.Count, writer.Count, both.Count));
        FdBytes.Read(fd);
        test.AssertQuiet();
    }

    [Fact]
    public void Each_loop_once_calls_exactly_one_handler()
    {
        using var test = new LoopHarness(Backend);
        int told = 0;
        int afterTold = 0;
        for (int i = 0; i < 5; i++)
        {
            (int fd, int peer) = test.Fds();
            FdBytes.Write(peer);
            for (int k = 0; k < 2; k++)
            {
                test.Loop.AddFd(new RecordedFd(_ => told++).Event, fd, FdFlags.ReadWrite);
                test.Loop.Schedule(new RecordedImmediate(() => told++).Event);
                test.Loop.StartTimer(new RecordedTimer(() => told++).Timer, 0);
                test.Loop.Post(() => told++);
            }
        }

        for (int i = 1; i <= 100; i++)
        {
            Assert.True(test.Loop.LoopOnce(1_000_000_000));
            Assert.Equal(i, told);
            afterTold++;
        }

        Assert.Equal(100, afterTold);
    }

    [Fact]
    public void A_batch_calls_each_event_that_is_ready_once()
    {
        using var test = new LoopHarness(Backend);
        var all = new List<RecordedFd>();
        for (int i = 0; i < 7; i++)
        {
            (int fd, int peer) = test.Fds();
            FdBytes.Write(peer);
            for (int k = 0; k < 3; k++)
            {
                var reader = new RecordedFd();
                test.Loop.AddFd(reader.Event, fd, k == 0 ? FdFlags.Read : FdFlags.ReadWrite);
                all.Add(reader);
            }
        }

        for (int batch = 1; batch <= 5; batch++)
        {
            test.Loop.RunOnce();
            Assert.All(all, reader => Assert.Equal(batch, reader.Count));
        }
    }

    [Fact]
    public void A_batch_is_no_larger_than_the_loop_was_told()
    {
        // Only a list has a size: poll and the rings say all that they know.
        using var test = new LoopHarness(Backend, maxEvents: 2);
        var all = new List<RecordedFd>();
        for (int i = 0; i < 6; i++)
        {
            (int fd, int peer) = test.Fds();
            FdBytes.Write(peer);
            var reader = new RecordedFd();
            test.Loop.AddFd(reader.Event, fd, FdFlags.Read);
            all.Add(reader);
        }

        for (int batch = 0; batch < 3; batch++)
        {
            test.Loop.RunOnce();
        }

        int each = TestedBackends.BackendOf(Backend) is "epoll" or "uring-epoll" ? 1 : 3;
        Assert.All(all, reader => Assert.Equal(each, reader.Count));
    }

    [Fact]
    public void An_event_is_added_once_at_a_time()
    {
        using var test = new LoopHarness(Backend);
        (int fd, _) = test.Fds();
        var reader = new RecordedFd();
        Assert.Throws<InvalidOperationException>(() => test.Loop.SetFlags(reader.Event, FdFlags.Read));
        test.Loop.RemoveFd(reader.Event);
        test.Loop.AddFd(reader.Event, fd, FdFlags.Read);
        Assert.Throws<InvalidOperationException>(() => test.Loop.AddFd(reader.Event, fd, FdFlags.Read));
        Assert.Equal((true, fd, FdFlags.Read), (reader.Event.IsAdded, reader.Event.Fd, reader.Event.Flags));
        test.Loop.RemoveFd(reader.Event);
        test.Loop.RemoveFd(reader.Event);
        Assert.False(reader.Event.IsAdded);
        Assert.Throws<InvalidOperationException>(() => test.Loop.SetFlags(reader.Event, FdFlags.Read));
        test.AssertQuiet();
        Assert.Equal((0, 0), (reader.Count, reader.Ended));
    }

    [Fact]
    public void A_descriptor_that_is_closed_is_refused_at_once()
    {
        using var test = new LoopHarness(Backend);
        (int fd, int peer) = Sockets.Pair();
        Sockets.CloseUnused(fd);
        var reader = new RecordedFd();
        foreach (int none in new[] { fd, -1, 1_000_000 })
        {
            Assert.Equal(Errno.EBADF, Assert.Throws<IoException>(() => test.Loop.AddFd(reader.Event, none, FdFlags.Read)).Errno);
            Assert.False(reader.Event.IsAdded);
        }

        // The refusal leaves nothing behind.
        test.Loop.AddFd(reader.Event, peer, FdFlags.Read);
        Assert.True(test.Loop.LoopOnce(1_000_000_000));
        Assert.Equal(1, reader.Count);
        test.Close(peer);
    }
}
