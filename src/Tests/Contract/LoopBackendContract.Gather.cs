using Harness.Io;
using Harness.Io.Native;
using Socket = System.Net.Sockets.Socket;

namespace Harness.Tests;

/// <content>Receives that a backend may keep back until messages have gathered.</content>
public abstract partial class LoopBackendContract
{
    [Fact]
    public void A_receive_after_a_pause_has_all_that_came_before_its_end()
    {
        using ILoopBackend backend = TestedBackends.Create(Backend);
        using var loop = new EventLoop(backend);
        (int fd, int other) = Sockets.Pair();
        using var peer = new Socket(new System.Net.Sockets.SafeSocketHandle(other, ownsHandle: true));
        using var buffer = new NativeBuffer(64);
        var receive = new Recorded();
        peer.Send("first"u8);
        backend.HoldsReceives = true;
        loop.Receive(receive.Operation, fd, buffer.Whole);
        peer.Send("second"u8);
        backend.Gather(1_000_000);
        peer.Send("third"u8);
        loop.RunOnce();
        Assert.Equal(1, receive.Count);

        // A backend that receives as soon as it is asked to has the first, all others have all.
        Assert.Contains(receive.Result, new[] { "first".Length, "firstsecondthird".Length });
        if (Backend.StartsWith("uring", StringComparison.Ordinal) && !Backend.Contains('-', StringComparison.Ordinal))
        {
            Assert.Equal("firstsecondthird".Length, receive.Result);
        }

        Sockets.CloseUnused(fd);
    }

    [Fact]
    public void A_receive_that_is_kept_back_is_cancelled_once()
    {
        using ILoopBackend backend = TestedBackends.Create(Backend);
        using var loop = new EventLoop(backend);
        (int fd, int other) = Sockets.Pair();
        using var buffer = new NativeBuffer(64);
        var receive = new Recorded();
        for (int round = 1; round <= 3; round++)
        {
            backend.HoldsReceives = round != 2;
            loop.Receive(receive.Operation, fd, buffer.Whole);
            loop.Cancel(receive.Operation);
            while (receive.Count < round)
            {
                Assert.True(loop.LoopOnce(20_000_000_000), "the receive that was cancelled never ended");
            }

            Assert.Equal(-Errno.ECANCELED, receive.Result);
        }

        loop.RunOnceWithoutSleep();
        Assert.Equal(3, receive.Count);
        Assert.Equal(0, loop.PendingOperations);
        Sockets.CloseUnused(fd);
        Sockets.CloseUnused(other);
    }

    [Fact]
    public void More_receives_than_are_expected_are_kept_back()
    {
        using ILoopBackend backend = TestedBackends.Create(Backend);
        using var loop = new EventLoop(backend);
        backend.HoldsReceives = true;
        using var buffer = new NativeBuffer(64);
        var all = new List<(int Fd, int Other, Recorded Receive)>();
        for (int i = 0; i < 100; i++)
        {
            (int fd, int other) = Sockets.Pair();
            var receive = new Recorded();
            loop.Receive(receive.Operation, fd, buffer.Slice(i % 64, 1));
            all.Add((fd, other, receive));
        }

        backend.Gather(1_000);
        Assert.All(all, a => FdBytes.Write(a.Other));
        while (all.Any(a => a.Receive.Count == 0))
        {
            Assert.True(loop.LoopOnce(20_000_000_000), "a receive that was kept back never ended");
        }

        Assert.All(all, a => Assert.Equal((1, 1), (a.Receive.Count, a.Receive.Result)));
        all.ForEach(a =>
        {
            Sockets.CloseUnused(a.Fd);
            Sockets.CloseUnused(a.Other);
        });
    }

    [Fact]
    public void A_loop_that_ends_with_a_receive_kept_back_waits_for_nobody()
    {
        (int fd, int other) = Sockets.Pair();
        using (var buffer = new NativeBuffer(64))
        {
            using ILoopBackend backend = TestedBackends.Create(Backend);
            using var loop = new EventLoop(backend);
            backend.HoldsReceives = true;
            loop.Receive(new Recorded().Operation, fd, buffer.Whole);
        }

        // Nothing of it is left that would take these bytes into memory that is freed.
        FdBytes.Write(other, 4);
        Assert.Equal(4, FdBytes.Read(fd, 8));
        Sockets.CloseUnused(fd);
        Sockets.CloseUnused(other);
    }
}
