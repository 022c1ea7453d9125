using Harness.Io;
using Socket = System.Net.Sockets.Socket;

namespace Harness.Tests;

/// <content>Other threads, and waiting without sleep.</content>
public abstract partial class LoopBackendContract
{
    [Theory]
    [InlineData(WaitMode.Block)]
    [InlineData(WaitMode.Spin)]
    [InlineData(WaitMode.Adaptive)]
    public void Work_from_other_threads_runs_once_each_in_order(WaitMode wait)
    {
        using var test = new LoopHarness(Backend, wait);
        const int Threads = 4;
        int each = TestScale.Pick(500, 20_000);
        var seen = new List<int>[Threads];
        int total = 0;
        for (int t = 0; t < Threads; t++)
        {
            var mine = seen[t] = [];
            new Thread(() =>
            {
                for (int i = 0; i < each; i++)
                {
                    int value = i;
                    test.Loop.Post(() =>
                    {
                        mine.Add(value);
                        total++;
                    });
                    if (i % 50 == 0)
                    {
                        Thread.Sleep(1);
                    }
                }
            }).Start();
        }

        test.RunUntil(() => total == Threads * each, "all posted work has run");
        Assert.All(seen, s => Assert.Equal(Enumerable.Range(0, each), s));
    }

    [Theory]
    [InlineData(WaitMode.Spin)]
    [InlineData(WaitMode.Adaptive)]
    public void Waiting_without_sleep_still_sees_everything(WaitMode wait)
    {
        using var test = new LoopHarness(Backend, wait);
        (int fd, Socket peer) = test.Pair();
        using var buffer = new NativeBuffer(64);
        var receive = new Recorded();
        for (int round = 1; round <= 200; round++)
        {
            test.Loop.Receive(receive.Operation, fd, buffer.Whole);
            if (round % 10 == 0)
            {
                Task.Run(() => peer.Send("p"u8));
            }
            else
            {
                peer.Send("p"u8);
            }

            int expected = round;
            test.RunUntil(() => receive.Count == expected, "the byte comes");
            Assert.Equal(1, receive.Result);
        }

        peer.Dispose();
    }

    [Fact]
    public void Stop_from_another_thread_ends_run()
    {
        using var test = new LoopHarness(Backend);
        new Thread(() =>
        {
            Thread.Sleep(10);
            test.Loop.Stop();
        }).Start();
        test.Loop.Run();
    }

    [Fact]
    public void A_turn_end_handler_that_always_asks_again_does_not_hold_the_turn()
    {
        using var test = new LoopHarness(Backend);
        var eager = new Eager(test.Loop);
        test.Loop.AtTurnEnd(eager);
        bool ran = false;
        test.Loop.RunOnce();
        test.Loop.Post(() => ran = true);
        test.RunUntil(() => ran, "posted work runs beside an eager handler");
        Assert.InRange(eager.Calls, 1, 1000);
        eager.Done = true;
        test.Loop.RunOnce();
    }

    private sealed class Eager(EventLoop loop) : ITurnEndHandler
    {
        public int Calls { get; private set; }

        public bool Done { get; set; }

        public void OnTurnEnd()
        {
            Calls++;
            if (!Done)
            {
                Assert.True(Calls < 100_000, "the turn never ends");
                loop.AtTurnEnd(this);
            }
        }
    }
}
