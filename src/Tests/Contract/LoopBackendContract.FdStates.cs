using System.Net.Sockets;
using Harness.Io;
using Harness.Io.Native;
using Socket = System.Net.Sockets.Socket;

namespace Harness.Tests;

/// <content>Events of descriptors that hang up, fail, or are of another kind than a socket; and operations beside events.</content>
public abstract partial class LoopBackendContract
{
    [Fact]
    public void A_hang_up_is_told_to_every_event_that_asks_for_anything()
    {
        using var test = new LoopHarness(Backend);
        (int fd, int peer) = test.Fds();
        FdBytes.Fill(fd);
        var reader = new RecordedFd();
        var writer = new RecordedFd();
        var sleeping = new RecordedFd();
        test.Loop.AddFd(reader.Event, fd, FdFlags.Read);
        test.Loop.AddFd(writer.Event, fd, FdFlags.Write);
        test.Loop.AddFd(sleeping.Event, fd, FdFlags.None);
        test.AssertQuiet();
        test.CloseRaw(peer);

        // tevent tells of it only who asks for reading; here the write that would fail at once counts as ready, so nobody waits for ever.
        test.LoopTimes(6);
        Assert.Equal((3, 3, 0), (reader.Count, writer.Count, sleeping.Count));
        Assert.Equal((FdFlags.Read, FdFlags.Write), (reader.Ready, writer.Ready));
        test.Loop.SetFlags(reader.Event, FdFlags.None);
        test.Loop.SetFlags(writer.Event, FdFlags.None);
        test.AssertQuiet();
    }

    [Fact]
    public void A_connection_that_was_reset_is_ready_for_reading_and_for_writing()
    {
        using var test = new LoopHarness(Backend);
        (int fd, Socket peer) = TcpPair(test);
        var reader = new RecordedFd();
        var writer = new RecordedFd();
        test.Loop.AddFd(reader.Event, fd, FdFlags.Read);
        test.AssertQuiet();
        peer.LingerState = new LingerOption(enable: true, 0);
        peer.Dispose();
        test.LoopTimes(2);
        Assert.Equal((2, FdFlags.Read), (reader.Count, reader.Ready));
        test.Loop.SetFlags(reader.Event, FdFlags.None);
        test.Loop.AddFd(writer.Event, fd, FdFlags.Write);
        test.LoopTimes(2);
        Assert.Equal((2, FdFlags.Write), (writer.Count, writer.Ready));
        test.Close(fd);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_end_of_what_the_peer_sends_is_for_readers_and_wakes_no_writer(bool beforeAdded)
    {
        using var test = new LoopHarness(Backend);
        (int fd, int peer) = test.Fds();
        FdBytes.Fill(fd);
        var writer = new RecordedFd();
        if (beforeAdded)
        {
            FdBytes.ShutdownSend(peer);
        }

        test.Loop.AddFd(writer.Event, fd, FdFlags.Write);
        test.AssertQuiet();
        if (!beforeAdded)
        {
            FdBytes.ShutdownSend(peer);
        }

        // The state lasts, so a loop that woke up for it would do so without end.
        long before = test.Loop.Counters.SystemCalls;
        Assert.False(test.Loop.LoopOnce(50_000_000));
        Assert.InRange(test.Loop.Counters.SystemCalls - before, 0, 12);
        Assert.Equal(0, writer.Count);

        var reader = new RecordedFd();
        test.Loop.AddFd(reader.Event, fd, FdFlags.Read);
        test.LoopTimes(3);
        Assert.Equal((3, FdFlags.Read, 0), (reader.Count, reader.Ready, writer.Count));
        test.Loop.RemoveFd(reader.Event);
        before = test.Loop.Counters.SystemCalls;
        Assert.False(test.Loop.LoopOnce(50_000_000));
        Assert.InRange(test.Loop.Counters.SystemCalls - before, 0, 12);

        // When there is room, it is told: level-triggered, as ever.
        while (FdBytes.IsReadable(peer))
        {
            FdBytes.Read(peer, 4096);
        }

        test.LoopTimes(3);
        Assert.Equal((3, FdFlags.Write), (writer.Count, writer.Ready));
    }

    [Fact]
    public void The_reading_end_of_a_pipe_is_told_of_bytes_and_of_its_end()
    {
        using var test = new LoopHarness(Backend);
        (int read, int write) = test.Pipe();
        var reader = new RecordedFd();
        var never = new RecordedFd();
        test.Loop.AddFd(reader.Event, read, FdFlags.Read);
        test.Loop.AddFd(never.Event, read, FdFlags.Write);
        test.AssertQuiet();
        FdBytes.Write(write);
        test.LoopTimes(2);
        Assert.Equal((2, FdFlags.Read, 0), (reader.Count, reader.Ready, never.Count));
        Assert.Equal(1, FdBytes.Read(read));
        test.AssertQuiet();
        test.CloseRaw(write);
        test.LoopTimes(4);
        Assert.Equal((4, 2), (reader.Count, never.Count));
        Assert.Equal(0, FdBytes.Read(read));
    }

    [Fact]
    public void The_writing_end_of_a_pipe_is_told_of_room_and_that_nobody_reads()
    {
        using var test = new LoopHarness(Backend);
        (int read, int write) = test.Pipe();
        for (int i = 0; i < 16; i++)
        {
            FdBytes.Write(write, 4096);
        }

        var writer = new RecordedFd();
        test.Loop.AddFd(writer.Event, write, FdFlags.Write);
        test.AssertQuiet();
        Assert.Equal(4096, FdBytes.Read(read, 4096));
        test.LoopTimes(2);
        Assert.Equal((2, FdFlags.Write), (writer.Count, writer.Ready));
        FdBytes.Write(write, 4096);
        test.AssertQuiet();
        test.CloseRaw(read);
        test.LoopTimes(2);
        Assert.Equal((4, FdFlags.Write), (writer.Count, writer.Ready));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_regular_file_is_always_ready(bool batched)
    {
        using var test = new LoopHarness(Backend);
        using var folder = new TempDir();
        string path = Path.Combine(folder.Path, "file");
        File.WriteAllText(path, "text");
        using FileStream stream = File.OpenRead(path);
        int fd = (int)stream.SafeFileHandle.DangerousGetHandle();
        var reader = new RecordedFd();
        var both = new RecordedFd();
        test.Loop.AddFd(reader.Event, fd, FdFlags.Read);
        for (int i = 1; i <= 3; i++)
        {
            test.Once(batched);
            Assert.Equal((i, FdFlags.Read), (reader.Count, reader.Ready));
        }

        test.Loop.SetFlags(reader.Event, FdFlags.None);
        test.AssertQuiet();
        test.Loop.AddFd(both.Event, fd, FdFlags.ReadWrite);
        test.Once(batched);
        Assert.Equal((3, 1, FdFlags.ReadWrite), (reader.Count, both.Count, both.Ready));

        // With a limit the wait ends at once, as a handler can be called.
        Assert.True(test.Loop.LoopOnce(-1));
        test.Loop.RemoveFd(both.Event);
        test.Loop.RemoveFd(reader.Event);
        test.AssertQuiet();
        Assert.Equal(2, both.Count);
    }

    [Fact]
    public void A_descriptor_has_operations_or_events_and_one_after_the_other()
    {
        using var test = new LoopHarness(Backend);
        (int fd, int peer) = test.Fds();
        using var buffer = new NativeBuffer(64);
        using var vector = new SendVector();
        for (int round = 1; round <= 3; round++)
        {
            var receive = new Recorded();
            var send = new Recorded();
            var reader = new RecordedFd();
            test.Loop.Receive(receive.Operation, fd, buffer.Whole);
            Assert.Throws<InvalidOperationException>(() => test.Loop.AddFd(reader.Event, fd, FdFlags.Read));
            Assert.False(reader.Event.IsAdded);
            FdBytes.Write(peer, 2);
            test.RunUntil(() => receive.Count == 1, "the receive ends");
            Assert.Equal(2, receive.Result);

            test.Loop.AddFd(reader.Event, fd, FdFlags.Read);
            Assert.Throws<InvalidOperationException>(() => test.Loop.Receive(receive.Operation, fd, buffer.Whole));
            Assert.False(receive.Operation.IsPending);
            test.AssertQuiet();
            FdBytes.Write(peer, 5);
            test.LoopTimes(2);
            Assert.Equal((2, FdFlags.Read), (reader.Count, reader.Ready));
            Assert.Equal(2, FdBytes.Read(fd, 2));
            test.Loop.RemoveFd(reader.Event);

            // What the event was told of and nobody took is there for the operations.
            test.Loop.Receive(receive.Operation, fd, buffer.Whole);
            test.RunUntil(() => receive.Count == 2, "what was left is received");
            Assert.Equal(3, receive.Result);
            test.Loop.Receive(receive.Operation, fd, buffer.Whole);
            test.RunFor(1);
            FdBytes.Write(peer);
            test.RunUntil(() => receive.Count == 3, "what comes later is received");
            vector.Clear();
            vector.Add(buffer.Slice(0, 4));
            test.Loop.Send(send.Operation, fd, vector);
            test.RunUntil(() => send.Count == 1, "the send ends");
            Assert.Equal((4, 4), (send.Result, FdBytes.Read(peer, 64)));
            Assert.Equal((2, 0), (reader.Count, reader.Ended));
        }

        // And what operations left behind does not confuse events.
        var last = new RecordedFd();
        test.Loop.AddFd(last.Event, fd, FdFlags.ReadWrite);
        test.LoopTimes(1);
        Assert.Equal(FdFlags.Write, last.Ready);
        test.Loop.SetFlags(last.Event, FdFlags.Read);
        test.AssertQuiet();
    }
}
