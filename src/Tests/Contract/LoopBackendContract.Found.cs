using Harness.Io;
using Harness.Io.Native;
using Socket = System.Net.Sockets.Socket;

namespace Harness.Tests;

/// <content>What programs at random have found, see <see cref="LoopModelTests"/>.</content>
public abstract partial class LoopBackendContract
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_handler_that_runs_the_loop_may_wait_for_its_own_descriptor(bool inBatch)
    {
        using var test = new LoopHarness(Backend);
        (int fd, Socket peer) = test.Pair();
        var reader = new RecordedFd();
        bool told = false;
        reader.Then = _ => told = reader.Count > 1 || test.Loop.LoopOnce(0);
        test.Loop.AddFd(reader.Event, fd, FdFlags.Read);
        peer.Send("a"u8);
        if (inBatch)
        {
            test.Loop.RunOnceWithoutSleep();
        }
        else
        {
            Assert.True(test.Loop.LoopOnce(0));
        }

        Assert.True(told, "the inner run found nothing, and the byte is still unread");
        Assert.InRange(reader.Count, 2, 3);
        test.Loop.RemoveFd(reader.Event);
        peer.Dispose();
    }

    [Fact]
    public void A_batch_tells_nothing_that_was_so_before_it_began()
    {
        using var test = new LoopHarness(Backend);
        var channels = new LoopChannel[2];
        var readers = new RecordedFd[2];
        for (int i = 0; i < 2; i++)
        {
            channels[i] = new LoopChannel(LoopChannelKind.Socket);
            readers[i] = new RecordedFd();
            test.Loop.AddFd(readers[i].Event, channels[i].Fd, FdFlags.Read);
            channels[i].PeerWrite();
        }

        Assert.True(test.Loop.LoopOnce(0));
        int other = readers[0].Count;
        channels[other].Read();
        test.Loop.RunOnceWithoutSleep();
        Assert.Equal((2, 0), (readers[1 - other].Count, readers[other].Count));
        foreach (LoopChannel channel in channels)
        {
            test.Close(channel.Fd);
            channel.ClosePeer();
        }
    }

    [Fact]
    public void News_of_what_nobody_asks_for_any_more_hides_nothing()
    {
        using var test = new LoopHarness(Backend);
        var channel = new LoopChannel(LoopChannelKind.PipeOut);
        channel.Fill();
        var seen = new RecordedFd();
        test.Loop.AddFd(seen.Event, channel.Fd, FdFlags.ReadWrite);
        Assert.False(test.Loop.LoopOnce(0));
        test.Loop.SetFlags(seen.Event, FdFlags.Read);
        channel.PeerDrain();
        channel.ClosePeer();
        Assert.True(test.Loop.LoopOnce(0), "the pipe has no reader, and nobody was told");
        Assert.Equal((1, FdFlags.Read), (seen.Count, seen.Ready));
        test.Close(channel.Fd);
    }

    [Fact]
    public void A_batch_after_a_look_tells_of_all_that_is_ready()
    {
        using var test = new LoopHarness(Backend);
        var readers = new RecordedFd[3];
        Socket[] peers = new Socket[3];
        for (int i = 0; i < 3; i++)
        {
            (int fd, peers[i]) = test.Pair();
            readers[i] = new RecordedFd();
            test.Loop.AddFd(readers[i].Event, fd, FdFlags.Read);
        }

        Assert.False(test.Loop.LoopOnce(0));
        foreach (Socket peer in peers)
        {
            peer.Send("a"u8);
        }

        test.Loop.RunOnceWithoutSleep();
        Assert.All(readers, reader => Assert.Equal(1, reader.Count));
        foreach (Socket peer in peers)
        {
            peer.Dispose();
        }
    }

    [Fact]
    public void A_regular_file_on_the_number_of_a_closed_socket_is_not_the_socket()
    {
        if (!LoopTraits.Of(Backend).HearsRawClose)
        {
            return;
        }

        using var test = new LoopHarness(Backend);
        (int fd, Socket peer) = test.Pair();
        var reader = new RecordedFd();
        test.Loop.AddFd(reader.Event, fd, FdFlags.Read);
        Sockets.CloseUnused(fd);
        test.Forget(fd);
        var opened = new List<int>();
        do
        {
            opened.Add(Unistd.open("/proc/self/exe", Unistd.O_RDONLY | Unistd.O_CLOEXEC, 0));
        }
        while (opened[^1] >= 0 && opened[^1] < fd);

        Assert.Equal(fd, opened[^1]);
        test.Loop.SetFlags(reader.Event, FdFlags.ReadWrite);
        Assert.True(test.Loop.LoopOnce(0));
        Assert.False(test.Loop.LoopOnce(0));
        Assert.Equal((0, 1, -Errno.EBADF), (reader.Count, reader.Ended, reader.Error));
        opened.ForEach(Sockets.CloseUnused);
        peer.Dispose();
    }
}
