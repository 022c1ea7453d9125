using System.Net.Sockets;
using Harness.Io;
using Harness.Io.Native;

namespace Harness.Tests;

/// <summary>Provided buffers: whole ones and incremental ones, running dry, and giving back.</summary>
public sealed class RingBufferTests
{
    private const ushort Group = 3;

    [SkippableFact]
    public void A_multishot_receive_that_runs_dry_is_ENOBUFS_loses_nothing_and_goes_on_after_recycling()
    {
        using Ring ring = Open();
        using var sockets = new TestSockets();
        using BufferRing buffers = ring.RegisterBufferRing(Group, 2, 4);
        sockets.Near.Send("abcdefghijkl"u8);
        AwaitArrival(sockets.Far, 12);
        ring.PrepareReceiveMultishot(sockets.Far.Fd(), Group, 1);
        List<Cqe> cqes = ring.Take(3);
        Assert.Equal([4, 4, -Errno.ENOBUFS], cqes.Select(c => c.Result));
        Assert.Equal([true, true, false], cqes.Select(c => c.HasMore));
        Assert.Equal([true, true, false], cqes.Select(c => c.HasBuffer));
        Assert.True(cqes[0].SocketNonEmpty);
        Assert.Equal("abcd"u8, buffers.Take(cqes[0]).Span);
        Assert.Equal("efgh"u8, buffers.Take(cqes[1]).Span);
        Assert.Equal(0, buffers.Available);

        buffers.Recycle(cqes[1].BufferId);
        buffers.Recycle(cqes[0].BufferId);
        Assert.Equal(2, buffers.Available);
        ring.PrepareReceiveMultishot(sockets.Far.Fd(), Group, 2);
        Cqe rest = ring.TakeOne();
        Assert.Equal((4, true, cqes[1].BufferId), (rest.Result, rest.HasMore, rest.BufferId));
        Assert.Equal("ijkl"u8, buffers.Take(rest).Span);

        sockets.Near.Shutdown(SocketShutdown.Send);
        Cqe end = ring.TakeOne();
        Assert.Equal((2ul, 0, false, false), (end.UserData, end.Result, end.HasMore, end.HasBuffer));
    }

    [SkippableFact]
    public void Buffers_go_round_many_times()
    {
        using Ring ring = Open();
        using var sockets = new TestSockets();
        using BufferRing buffers = ring.RegisterBufferRing(Group, 4, 64);
        ring.PrepareReceiveMultishot(sockets.Far.Fd(), Group, 1);
        ring.Submit();
        // The tail of the buffer ring is 16 bits wide, and so goes round itself in the long form.
        int rounds = TestScale.Pick(1_000, 70_000);
        for (int i = 0; i < rounds; i++)
        {
            sockets.Near.Send([(byte)i, (byte)(i >> 8)]);
            Cqe cqe = ring.TakeOne();
            Assert.Equal((2, true), (cqe.Result, cqe.HasMore));
            NativeSlice bytes = buffers.Take(cqe);
            Assert.Equal(i & 0xffff, bytes.Span[0] | (bytes.Span[1] << 8));
            Assert.Equal(0, bytes.Address % 64);
            buffers.Recycle(cqe.BufferId);
        }

        Assert.Equal(4, buffers.Available);
        Assert.Equal(1, ring.SqesByOpcode[(int)RingOpcode.RECV]);
    }

    [SkippableFact]
    public void An_incremental_buffer_is_filled_over_several_completions()
    {
        using Ring ring = Open();
        RingFixture.Require(ring, RingFeatures.MIN_TIMEOUT);
        using var sockets = new TestSockets();
        using BufferRing buffers = ring.RegisterBufferRing(Group, 1, 16, incremental: true);
        ring.PrepareReceiveMultishot(sockets.Far.Fd(), Group, 1);
        ring.Submit();
        // One buffer only: without the incremental flag the second message would find none.
        foreach (string text in new[] { "one ", "two ", "three " })
        {
            sockets.Near.Send(System.Text.Encoding.ASCII.GetBytes(text));
            Cqe cqe = ring.TakeOne();
            Assert.Equal((true, true, true), (cqe.HasMore, cqe.HasBuffer, cqe.BufferHasMore));
            Assert.Equal(text, System.Text.Encoding.ASCII.GetString(buffers.Take(cqe).Span));
            Assert.Equal(1, buffers.Available);
            Assert.Throws<InvalidOperationException>(() => buffers.Recycle(cqe.BufferId));
        }

        sockets.Near.Send("45"u8);
        Cqe last = ring.TakeOne();
        Assert.Equal((true, false), (last.HasBuffer, last.BufferHasMore));
        Assert.Equal("45"u8, buffers.Take(last).Span);
        Assert.Equal(0, buffers.Available);
        buffers.Recycle(last.BufferId);

        sockets.Near.Send("again"u8);
        Cqe next = ring.TakeOne();
        if (next.Result == -Errno.ENOBUFS)
        {
            // The kernel looked for the next buffer before it was given back.
            ring.PrepareReceiveMultishot(sockets.Far.Fd(), Group, 1);
            next = ring.TakeOne();
        }

        Assert.Equal("again"u8, buffers.Take(next).Span);
    }

    [SkippableFact]
    public void A_pipe_is_read_again_and_again()
    {
        using Ring ring = Open();
        RingFixture.Require(RingOpcode.READ_MULTISHOT);
        using var pipe = new TestPipe();
        using BufferRing buffers = ring.RegisterBufferRing(Group, 4, 64);
        ring.PrepareReadMultishot(pipe.ReadFd, Group, 1);
        ring.Submit();
        for (byte i = 0; i < 10; i++)
        {
            pipe.Write(i);
            Cqe cqe = ring.TakeOne();
            Assert.Equal((1, true), (cqe.Result, cqe.HasMore));
            Assert.Equal(i, buffers.Take(cqe).Span[0]);
            buffers.Recycle(cqe.BufferId);
        }
    }

    [SkippableFact]
    public void One_receive_takes_one_buffer()
    {
        using Ring ring = Open();
        using var sockets = new TestSockets();
        using BufferRing buffers = ring.RegisterBufferRing(Group, 2, 64);
        ring.PrepareReceiveSelect(sockets.Far.Fd(), Group, 0, 1);
        ring.Submit();
        sockets.Near.Send("once"u8);
        Cqe cqe = ring.TakeOne();
        Assert.Equal((4, true, false), (cqe.Result, cqe.HasBuffer, cqe.HasMore));
        Assert.Equal("once"u8, buffers.Take(cqe).Span);
    }

    [SkippableFact]
    public void A_buffer_is_taken_once_and_given_back_once()
    {
        using Ring ring = Open();
        using var sockets = new TestSockets();
        using BufferRing buffers = ring.RegisterBufferRing(Group, 2, 64);
        Assert.Throws<InvalidOperationException>(() => buffers.Recycle(0));
        Assert.Throws<InvalidOperationException>(() => buffers.Recycle(2));
        Assert.Throws<InvalidOperationException>(() => buffers.Take(new Cqe(1, 4, CqeFlags.NONE)));
        sockets.Near.Send("x"u8);
        ring.PrepareReceiveSelect(sockets.Far.Fd(), Group, 0, 1);
        Cqe cqe = ring.TakeOne();
        buffers.Take(cqe);
        Assert.Throws<InvalidOperationException>(() => buffers.Take(cqe));
        buffers.Recycle(cqe.BufferId);
        Assert.Throws<InvalidOperationException>(() => buffers.Recycle(cqe.BufferId));
    }

    [SkippableFact]
    public void Sizes_and_groups_are_checked()
    {
        using Ring ring = Open();
        Assert.Throws<ArgumentOutOfRangeException>(() => ring.RegisterBufferRing(Group, 3, 64));
        Assert.Throws<ArgumentOutOfRangeException>(() => ring.RegisterBufferRing(Group, 65536, 64));
        Assert.Throws<ArgumentOutOfRangeException>(() => ring.RegisterBufferRing(Group, 4, 0));
        BufferRing first = ring.RegisterBufferRing(Group, 4, 64);
        Assert.Equal(Errno.EEXIST, Assert.Throws<RingException>(() => ring.RegisterBufferRing(Group, 4, 64)).Errno);
        first.Dispose();
        first.Dispose();
        ring.RegisterBufferRing(Group, 4, 64).Dispose();
        Assert.Throws<ObjectDisposedException>(() => first.Take(new Cqe(1, 1, CqeFlags.BUFFER)));
    }

    private static Ring Open()
    {
        Ring ring = RingFixture.Open();
        RingFixture.Require(RingOpcode.SOCKET);
        return ring;
    }

    private static void AwaitArrival(System.Net.Sockets.Socket socket, int bytes) => SpinWait.SpinUntil(() => socket.Available >= bytes);
}
