using System.Net.Sockets;
using Harness.Io;
using Harness.Nbd;

namespace Harness.Tests.Interop;

/// <summary>
/// How a connection is made ready for the kernel's NBD client, and how the kernel is told; a kernel that has one is in a guest of <see cref="KernelNbdTests"/>.
/// </summary>
public sealed class KernelAttachTests
{
    [Theory]
    [InlineData(HarnessServer.Unix)]
    [InlineData(HarnessServer.Tcp)]
    public void A_handshake_ends_where_requests_begin(string transport)
    {
        using var server = HarnessServer.Start("epoll", transport, "memory:3M");
        Assert.True(NbdUri.TryParse(server.Uri, out NbdUri? uri, out string error), error);
        using Socket socket = BlockingHandshake.Enter(uri, out ExportInfo export);
        Assert.Equal(3UL << 20, export.Size);
        Assert.True(export.Flags.HasFlag(TransmissionFlags.SendTrim | TransmissionFlags.SendFlush));
        // As the kernel would: a READ of 512 bytes, which a simple reply answers.
        byte[] request = new byte[28];
        Convert.FromHexString("25609513" + "0000" + "0000" + "1122334455667788" + "0000000000000000" + "00000200").CopyTo(request, 0);
        socket.Send(request);
        byte[] reply = new byte[16 + 512];
        for (int got = 0; got < reply.Length;)
        {
            int count = socket.Receive(reply, got, reply.Length - got, SocketFlags.None);
            Assert.NotEqual(0, count);
            got += count;
        }
        Assert.Equal("67446698" + "00000000" + "1122334455667788", Convert.ToHexString(reply, 0, 16));
    }

    [Fact]
    public void What_keeps_a_server_away_is_one_line()
    {
        using var folder = new TempDir();
        Assert.True(NbdUri.TryParse($"nbd+unix:///?socket={folder.File("none")}", out NbdUri? nobody, out _));
        string why = Assert.Throws<NbdClientException>(() => BlockingHandshake.Enter(nobody, out _)).Message;
        Assert.EndsWith("start the server first", why);

        using var server = HarnessServer.Start("epoll", HarnessServer.Unix, "memory:3M", "--export", "known=memory:1M");
        Assert.True(NbdUri.TryParse(server.Uri.Replace("///", "///other", StringComparison.Ordinal), out NbdUri? other, out _));
        Assert.StartsWith("the server refuses nbd+unix:///other", Assert.Throws<NbdClientException>(() => BlockingHandshake.Enter(other, out _)).Message);
    }

    [Fact]
    public void Without_the_module_a_line_says_what_to_load()
    {
        using var netlink = new GenericNetlink();
        if (netlink.Family("nbd") is not null)
        {
            return;
        }
        using var server = HarnessServer.Start("epoll", HarnessServer.Unix, "memory:3M");
        var (code, _, error) = VerbConsole.Invoke("kernels", "attach", server.Uri, "/dev/nbd0");
        Assert.Equal(77, code);
        Assert.Contains("this kernel's NBD client is not there; modprobe nbd", error);
        (code, _, error) = VerbConsole.Invoke("kernels", "attach", server.Uri, "/dev/nbd0", "--size", "4M");
        Assert.Equal(1, code);
        Assert.Contains("has 3145728 bytes, and 4194304 were asked for", error);
    }
}
