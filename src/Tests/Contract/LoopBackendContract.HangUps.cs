using System.Net.Sockets;
using Harness.Io;
using Socket = System.Net.Sockets.Socket;

namespace Harness.Tests;

/// <content>Peers that have shut down one side: the kernel then reports a state that lasts, which must not keep the loop awake.</content>
public abstract partial class LoopBackendContract
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_peer_that_shut_down_its_sending_side_and_does_not_read_lets_the_loop_sleep_until_it_does(bool tcp)
    {
        using var test = new LoopHarness(Backend);
        (int fd, Socket peer) = tcp ? TcpPair(test) : test.Pair();
        using var buffer = new NativeBuffer(1 << 20, clear: true);
        var receive = new Recorded();
        test.Loop.Receive(receive.Operation, fd, buffer.Slice(0, 64));
        test.Loop.RunOnceWithoutSleep();
        peer.Shutdown(SocketShutdown.Send);
        test.RunUntil(() => receive.Count == 1, "the end of the stream comes");
        Assert.Equal(0, receive.Result);

        Recorded send = FillUntilBlocked(test, fd, buffer, out SendVector vector);
        long turns = test.Loop.Counters.Turns;
        test.RunFor(milliseconds: 200);
        Assert.True(test.Loop.Counters.Turns - turns < 100, $"{Backend}: {test.Loop.Counters.Turns - turns} turns with nothing to do");

        byte[] sink = new byte[1 << 20];
        int before = send.Count;
        while (send.Count == before)
        {
            Assert.True(peer.Poll(20_000_000, SelectMode.SelectRead), $"{Backend}: the send has missed that there is room again");
            peer.Receive(sink);
            test.RunFor(milliseconds: 1);
        }

        Assert.True(send.Result > 0);
        test.Close(fd);
        vector.Dispose();
        peer.Dispose();
    }

    /// <summary>As <see cref="LoopHarness.Pair"/>, over the loopback device.</summary>
    private static (int Fd, Socket Peer) TcpPair(LoopHarness test)
    {
        using SocketEndpoint any = SocketEndpoint.Internet(System.Net.IPAddress.Loopback, 0);
        int listening = Sockets.Listen(any);
        var accept = new Recorded();
        test.Loop.Accept(accept.Operation, listening);
        var peer = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        peer.Connect(System.Net.IPAddress.Loopback, Sockets.LocalPort(listening));
        test.RunUntil(() => accept.Count == 1, "the connection is accepted");
        test.Close(listening);
        return (accept.Result, peer);
    }
}
