using Harness.Io;
using Harness.Io.Native;
using Socket = System.Net.Sockets.Socket;

namespace Harness.Tests;

/// <content>Timers and deadlines.</content>
public abstract partial class LoopBackendContract
{
    [Fact]
    public void Deadline_ends_a_receive_with_etime_and_not_early()
    {
        using var test = new LoopHarness(Backend);
        (int fd, Socket peer) = test.Pair();
        using var buffer = new NativeBuffer(64);
        var receive = new Recorded();
        receive.Operation.TimeoutNs = 20_000_000;
        long startNs = test.Loop.NowNs;
        test.Loop.Receive(receive.Operation, fd, buffer.Whole);
        test.RunUntil(() => receive.Count == 1, "the deadline passes");
        Assert.Equal(-Errno.ETIME, receive.Result);
        Assert.True(test.Loop.NowNs - startNs >= 20_000_000, "the deadline came early");

        // In time it keeps its result, and the deadline leaves nothing behind.
        peer.Send("in time"u8);
        test.Loop.Receive(receive.Operation, fd, buffer.Whole);
        test.RunUntil(() => receive.Count == 2, "the bytes come");
        Assert.Equal(7, receive.Result);
        test.RunFor(30);
        Assert.Equal(2, receive.Count);

        // A cancel is a cancel, not a deadline.
        test.Loop.Receive(receive.Operation, fd, buffer.Whole);
        test.Loop.Cancel(receive.Operation);
        test.RunUntil(() => receive.Count == 3, "the cancelled receive ends");
        Assert.Equal(-Errno.ECANCELED, receive.Result);
        peer.Dispose();
    }

    [Fact]
    public void Timers_come_in_order_and_never_early()
    {
        using var test = new LoopHarness(Backend);
        var order = new List<int>();
        long startNs = test.Loop.NowNs;
        bool early = false;
        int[] delaysMs = [7, 1, 3, 3, 0, 9];
        var timers = delaysMs.Select(ms => new LoopTimer(new Fired(() =>
        {
            early |= test.Loop.NowNs < startNs + (ms * 1_000_000L);
            order.Add(ms);
        }))).ToArray();
        for (int i = 0; i < timers.Length; i++)
        {
            test.Loop.StartTimer(timers[i], startNs + (delaysMs[i] * 1_000_000L));
        }

        test.Loop.StopTimer(timers[5]);
        test.RunUntil(() => order.Count == 5, "five timers are due");
        Assert.Equal([0, 1, 3, 3, 7], order);
        Assert.False(early, "a timer came early");
    }

    [Fact]
    public void Timers_due_at_the_same_instant_come_in_the_order_of_their_starts()
    {
        using var test = new LoopHarness(Backend);
        var order = new List<int>();
        LoopTimer[] timers = [.. Enumerable.Range(0, 300).Select(i => new LoopTimer(new Fired(() => order.Add(i))))];
        long dueNs = test.Loop.NowNs + 1_000_000;
        var expected = new List<int>();
        var random = new Random(5);
        foreach (int i in Enumerable.Range(0, 1000).Select(_ => random.Next(timers.Length)))
        {
            // Started again, it is the last once more; stopped, it is none.
            expected.Remove(i);
            if (random.Next(4) == 0)
            {
                test.Loop.StopTimer(timers[i]);
            }
            else
            {
                test.Loop.StartTimer(timers[i], dueNs);
                expected.Add(i);
            }
        }

        test.RunUntil(() => order.Count == expected.Count, "all are due");
        Assert.Equal(expected, order);
    }

    private sealed class Fired(Action action) : ITimerHandler
    {
        public void OnTimer(LoopTimer timer) => action();
    }
}
