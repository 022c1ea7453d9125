using System.Net;
using System.Net.Sockets;
using Harness.Io;

namespace Harness.Tests.Unit;

/// <summary>What the loops' sockets are set to; client and server use the same call.</summary>
public sealed class SocketTuningTests
{
    [Fact]
    public void A_tcp_socket_notices_a_peer_that_vanished_within_two_minutes()
    {
        using var endpoint = SocketEndpoint.Internet(IPAddress.Loopback, 0);
        using var socket = new Socket(new SafeSocketHandle(Sockets.Create(endpoint), ownsHandle: true));
        Assert.NotEqual(0, (int)socket.GetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive)!);
        int idleSeconds = (int)socket.GetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime)!;
        int intervalSeconds = (int)socket.GetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval)!;
        int probes = (int)socket.GetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount)!;
        Assert.Equal(120, idleSeconds + (intervalSeconds * probes));
        Assert.True(socket.NoDelay);
    }
}
