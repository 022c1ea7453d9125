using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using Harness.Io;
using Harness.Io.Native;

namespace Harness.Tests;

public sealed class RingSocketTests
{
    [SkippableFact]
    public void A_multishot_accept_goes_on_until_it_is_cancelled()
    {
        using Ring ring = RingFixture.Open();
        RingFixture.Require(RingOpcode.SOCKET);
        using var sockets = new TestSockets(connect: false);
        ring.PrepareAccept(sockets.Listener.Fd(), SOCK_CLOEXEC, multishot: true, 1);
        ring.Submit();
        var accepted = new HashSet<int>();
        for (int i = 0; i < 3; i++)
        {
            using System.Net.Sockets.Socket client = sockets.Connect();
            Cqe cqe = ring.TakeOne();
            Assert.Equal((1ul, true), (cqe.UserData, cqe.HasMore));
            Assert.True(cqe.Result > 2 && accepted.Add(cqe.Result));
        }

        ring.PrepareCancel(1, 2);
        List<Cqe> end = ring.Take(2);
        Assert.Equal([(2ul, 0, false), (1ul, -Errno.ECANCELED, false)], end.Select(c => (c.UserData, c.Result, c.HasMore)));
        foreach (int fd in accepted)
        {
            ring.PrepareClose(fd, 3);
            Assert.Equal(0, ring.TakeOne().Result);
        }
    }

    [SkippableFact]
    public void Connect_send_receive_and_shut_down()
    {
        using Ring ring = RingFixture.Open();
        using var sockets = new TestSockets(connect: false);
        using var client = new System.Net.Sockets.Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        using var memory = new NativeBuffer(256, clear: true);
        SocketAddress address = sockets.Listener.LocalEndPoint!.Serialize();
        address.Buffer.Span[..address.Size].CopyTo(memory.Whole.Span);

        ring.PrepareAccept(sockets.Listener.Fd(), SOCK_CLOEXEC, multishot: false, 1);
        ring.PrepareConnect(client.Fd(), memory.Whole.Address, (uint)address.Size, 2);
        Dictionary<ulong, int> results = ring.Take(2).ToDictionary(c => c.UserData, c => c.Result);
        Assert.Equal(0, results[2]);
        int server = results[1];
        Assert.True(server > 2);

        NativeSlice outgoing = memory.Slice(0, 64);
        NativeSlice incoming = memory.Slice(128, 64);
        "over the ring"u8.CopyTo(outgoing.Span);
        ring.PrepareSend(client.Fd(), outgoing.Address, 13, MSG_NOSIGNAL, 3, SqeFlags.IO_LINK);
        ring.PrepareShutdown(client.Fd(), SHUT_WR, 4);
        ring.PrepareReceive(server, incoming.Address, 13, MSG_WAITALL, 5);
        results = ring.Take(3).ToDictionary(c => c.UserData, c => c.Result);
        Assert.Equal((13, 0, 13), (results[3], results[4], results[5]));
        Assert.True(incoming.Span[..13].SequenceEqual("over the ring"u8));

        ring.PrepareReceive(server, incoming.Address, 64, 0, 6);
        Assert.Equal(0, ring.TakeOne().Result);
        ring.PrepareClose(server, 7);
        Assert.Equal(0, ring.TakeOne().Result);
    }

    [SkippableFact]
    public void A_message_of_two_runs_arrives_as_one_stream()
    {
        using Ring ring = RingFixture.Open();
        using var sockets = new TestSockets();
        using var memory = new NativeBuffer(256, clear: true);
        "left right"u8.CopyTo(memory.Whole.Span);
        // struct msghdr at 128, its two iovecs at 192: "right", then "left ".
        Span<byte> header = memory.Slice(128, 128).Span;
        long start = memory.Whole.Address;
        BinaryPrimitives.WriteInt64LittleEndian(header[16..], start + 192);
        BinaryPrimitives.WriteInt64LittleEndian(header[24..], 2);
        BinaryPrimitives.WriteInt64LittleEndian(header[64..], start + 5);
        BinaryPrimitives.WriteInt64LittleEndian(header[72..], 5);
        BinaryPrimitives.WriteInt64LittleEndian(header[80..], start);
        BinaryPrimitives.WriteInt64LittleEndian(header[88..], 5);
        ring.PrepareSendMessage(sockets.Near.Fd(), memory.Whole.Address + 128, MSG_NOSIGNAL, 1);
        Assert.Equal(10, ring.TakeOne().Result);
        var received = new byte[10];
        Assert.Equal(10, sockets.Far.Receive(received));
        Assert.Equal("rightleft "u8, received);
    }

    [SkippableFact]
    public void A_multishot_poll_is_an_edge_and_an_update_makes_it_fire_again()
    {
        using Ring ring = RingFixture.Open();
        RingFixture.Require(RingOpcode.SOCKET);
        using var sockets = new TestSockets();
        sockets.Near.Send(new byte[8]);
        ring.PreparePollAdd(sockets.Far.Fd(), Epoll.EPOLLIN, multishot: true, 1);
        Cqe cqe = ring.TakeOne();
        Assert.Equal((1ul, true, (int)Epoll.EPOLLIN), (cqe.UserData, cqe.HasMore, cqe.Result));
        Assert.Equal(4, sockets.Far.Receive(new byte[4]));
        ring.AssertQuiet();

        ring.PreparePollUpdate(1, Epoll.EPOLLIN, multishot: true, 2);
        Dictionary<ulong, Cqe> both = ring.Take(2).ToDictionary(c => c.UserData);
        Assert.Equal((0, (int)Epoll.EPOLLIN, true), (both[2].Result, both[1].Result, both[1].HasMore));

        Assert.Equal(4, sockets.Far.Receive(new byte[4]));
        ring.PreparePollUpdate(1, Epoll.EPOLLIN, multishot: true, 3);
        Assert.Equal(3ul, ring.TakeOne().UserData);
        ring.AssertQuiet();
        sockets.Near.Send(new byte[1]);
        Assert.Equal(1ul, ring.TakeOne().UserData);
    }

    [SkippableFact]
    public void A_pending_receive_outlives_nothing_but_a_shutdown_ends_it()
    {
        using Ring ring = RingFixture.Open();
        using var sockets = new TestSockets();
        using var memory = new NativeBuffer(64);
        ring.PrepareReceive(sockets.Far.Fd(), memory.Whole.Address, 64, 0, 1);
        ring.Submit();
        ring.AssertQuiet();
        sockets.Far.Shutdown(SocketShutdown.Both);
        Assert.Equal((1ul, 0), (ring.TakeOne() is var c ? c.UserData : 0, c.Result));
    }

    private const int SOCK_CLOEXEC = Io.Native.Socket.SOCK_CLOEXEC;
    private const int MSG_NOSIGNAL = Io.Native.Socket.MSG_NOSIGNAL;
    private const int SHUT_WR = Io.Native.Socket.SHUT_WR;
    private const int MSG_WAITALL = 0x100;
}
