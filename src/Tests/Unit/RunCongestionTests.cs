using System.Net;
using System.Net.Sockets;
using Harness.Io;
using Harness.Run;

namespace Harness.Tests.Unit;

/// <summary>The congestion control of TCP cells is set on both sides' sockets.</summary>
public sealed class RunCongestionTests
{
    [Fact]
    public void Both_ends_of_a_connection_have_what_was_forced()
    {
        using var any = SocketEndpoint.Internet(IPAddress.Loopback, 0);
        any.CongestionControl = TcpCongestion.Forced;
        var listening = Sockets.Listen(any);
        using var listener = new Socket(new SafeSocketHandle(listening, ownsHandle: true));
        using var target = SocketEndpoint.Internet(IPAddress.Loopback, Sockets.LocalPort(listening));
        target.CongestionControl = TcpCongestion.Forced;
        var connecting = Sockets.Create(target);
        using var client = new Socket(new SafeSocketHandle(connecting, ownsHandle: true));
        client.Connect(IPAddress.Loopback, target.Port);
        using var accepted = listener.Accept();
        Assert.Equal("reno", Sockets.GetCongestionControl(connecting));
        Assert.Equal("reno", Sockets.GetCongestionControl((int)accepted.Handle));
    }

    [Fact]
    public void What_the_kernel_does_not_have_is_an_error_and_a_unix_socket_takes_no_notice()
    {
        using var endpoint = SocketEndpoint.Internet(IPAddress.Loopback, 0);
        endpoint.CongestionControl = "nosuch";
        Assert.Contains("cannot set the TCP congestion control 'nosuch'", Assert.Throws<IoException>(() => Sockets.Create(endpoint)).Message);
        using var unix = SocketEndpoint.Unix("/tmp/x");
        unix.CongestionControl = "nosuch";
        var fd = Sockets.Create(unix);
        Assert.Null(Sockets.GetCongestionControl(fd));
        Sockets.CloseUnused(fd);
    }
}
