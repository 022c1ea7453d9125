using Harness.Io;

namespace Harness.Tests;

/// <summary>What the kernel says of sends that ask it to leave the data where it lies: why the client has none.</summary>
public class ZeroCopyTests
{
    private const int Bytes = 64 << 10;
    private const int Eopnotsupp = 95;

    [Fact]
    public void Between_sockets_of_one_machine_the_kernel_copies_all_the_same()
    {
        (int from, int to) = ZeroCopySends.TcpPair();
        using var memory = new NativeBuffer(Bytes, clear: true);
        Assert.Equal(0, ZeroCopySends.Enable(from));
        Assert.Equal(Bytes, ZeroCopySends.Send(from, memory.Whole, zeroCopy: true));
        byte[] received = new byte[Bytes];
        for (int got = 0, tries = 0; got < Bytes; tries++)
        {
            Assert.True(tries < 10_000_000, "the bytes never came");
            got += Math.Max(0, Sockets.ReceiveNow(to, received));
        }

        bool copied = false;
        for (int tries = 0; ZeroCopySends.TakeNotice(from, out copied) == 0; tries++)
        {
            Assert.True(tries < 10_000_000, "the notice never came");
        }

        Assert.True(copied);
        Sockets.CloseUnused(from);
        Sockets.CloseUnused(to);
    }

    [Fact]
    public void A_unix_socket_has_no_such_thing()
    {
        (int first, int second) = Sockets.Pair();
        Assert.Equal(-Eopnotsupp, ZeroCopySends.Enable(first));
        Sockets.CloseUnused(first);
        Sockets.CloseUnused(second);
    }
}
