using Harness.Io;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>An edge whose holds come and go on one thread while a loop's thread looks at it, which it does without a lock.</summary>
public sealed class BlockEdgeRaceTests
{
    // Seen in many short calls, so that the compiler has a profile of the method, and then has it at its best: that is where it once went wrong.
    private static readonly long s_gates = TestScale.Pick(300_000L, 3_000_000L);

    [Fact]
    public void A_hold_that_ends_while_a_loop_looks_for_its_gate_is_no_fault()
    {
        using var loop = new EventLoop(LoopBackends.Create("epoll"));
        using var home = new BlockLoop(loop, 0);
        using var store = new NullStore(1 << 20);
        var edge = new BlockEdge(this, store);
        bool stop = false;
        var drainer = new Thread(() =>
        {
            while (!Volatile.Read(ref stop))
            {
                edge.AddHold([home], (of, on) => new EdgeGate(of, on));
                edge.RemoveHold();
            }
        });
        drainer.Start();
        try
        {
            for (long gates = 0; gates < s_gates;)
            {
                gates += Look(edge, home);
            }
        }
        finally
        {
            Volatile.Write(ref stop, true);
            drainer.Join();
        }
    }

    private static int Look(BlockEdge edge, BlockLoop home)
    {
        int gates = 0;
        for (int i = 0; i < 500; i++)
        {
            if (edge.IsGated && edge.GateOf(home) is { IsClosed: false })
            {
                gates++;
            }
        }

        return gates;
    }
}
