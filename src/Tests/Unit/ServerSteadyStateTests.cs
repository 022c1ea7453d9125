using System.Net.Sockets;
using Harness.Io;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>Once warm, the server allocates nothing for a request. On a real loop and a real socket, both ends on one thread.</summary>
public class ServerSteadyStateTests
{
    private const int Depth = 32;

    [Theory]
    [InlineData("memory:16M")]
    [InlineData("null:16M")]
    public void ARequestAllocatesNothing(string chain)
    {
        using var loop = new EventLoop(LoopBackends.Create("epoll"));
        using var graph = new BlockGraph(BlockChain.Parse(chain));
        var server = new NbdServer([new NbdExport("disk", graph)], [loop], new NbdServerOptions(), new ServerLog(_ => { }));
        (int fd, int peerFd) = Sockets.Pair();
        using var peer = new Socket(new SafeSocketHandle(peerFd, ownsHandle: true));
        server.Serve(new PlainTransport(loop, fd, "test"));
        peer.Send([.. Wire.Flags(), .. Wire.Go("disk")]);
        RunUntil(loop, () => peer.Available >= 18 + 34 + 32 + 20);
        peer.Receive(new byte[4096]);

        byte[] batch = [.. Enumerable.Range(0, Depth).SelectMany(i => i % 2 == 0 ? Wire.Read((ulong)i, 0, 4096) : Wire.Write((ulong)i, 65536, new byte[4096]))];
        int answerBytes = (Depth * 16) + (Depth / 2 * 4096);
        byte[] answer = new byte[answerBytes];
        for (int i = 0; i < 50; i++)
        {
            Turn(loop, peer, batch, answer);
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++)
        {
            Turn(loop, peer, batch, answer);
        }

        // .NET's own socket at the other end may allocate a little now and then; one byte per request would be 3200.
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1000);
        peer.Dispose();
        RunUntil(loop, () => server.Connections == 0);
        server.Loops[0].Dispose();
    }

    private static void Turn(EventLoop loop, Socket peer, byte[] batch, byte[] answer)
    {
        peer.Send(batch);
        int received = 0;
        while (received < answer.Length)
        {
            loop.RunOnce();
            while (peer.Available > 0)
            {
                received += peer.Receive(answer);
            }
        }
    }

    private static void RunUntil(EventLoop loop, Func<bool> condition)
    {
        while (!condition())
        {
            loop.RunOnce();
        }
    }
}
