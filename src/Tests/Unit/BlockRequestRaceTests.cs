using Harness.Io;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>A request of which another thread asks something while its loop goes on with it, as a block does that completes it twice.</summary>
public sealed class BlockRequestRaceTests
{
    private static readonly int s_texts = TestScale.Pick(50_000, 1_000_000);

    [Fact]
    public void What_is_said_of_a_request_may_be_asked_while_a_drain_lets_go_of_it()
    {
        using var loop = new EventLoop(LoopBackends.Create("epoll"));
        using var home = new BlockLoop(loop, 0);
        using var store = new NullStore(1 << 20);
        var edge = new BlockEdge(this, store);
        BlockRequest request = home.Rent(null!);
        bool stop = false;
        var drainer = new Thread(() =>
        {
            while (!Volatile.Read(ref stop))
            {
                request.HeldAt = edge;
                request.HeldAt = null;
            }
        });
        drainer.Start();
        try
        {
            for (int i = 0; i < s_texts; i++)
            {
                Assert.StartsWith("READ of 0 bytes at 0", request.Text(), StringComparison.Ordinal);
            }
        }
        finally
        {
            Volatile.Write(ref stop, true);
            drainer.Join();
            request.Release();
        }
    }
}
