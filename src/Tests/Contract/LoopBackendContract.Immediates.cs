using Harness.Io;

namespace Harness.Tests;

/// <content>Immediate events, and the order of everything that is due at once.</content>
public abstract partial class LoopBackendContract
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Immediate_events_come_in_the_order_in_which_they_were_scheduled(bool batched)
    {
        using var test = new LoopHarness(Backend);
        var order = new List<int>();
        RecordedImmediate[] events = [.. Enumerable.Range(0, 6).Select(i => new RecordedImmediate(() => order.Add(i)))];
        foreach (int i in new[] { 3, 0, 5, 3, 1, 4, 2, 0 })
        {
            // Scheduled a second time it keeps its place.
            test.Loop.Schedule(events[i].Event);
            Assert.True(events[i].Event.IsScheduled);
        }

        // Out of the middle, the head and the tail; and back to the end.
        test.Loop.Cancel(events[5].Event);
        test.Loop.Cancel(events[3].Event);
        test.Loop.Cancel(events[2].Event);
        test.Loop.Cancel(events[2].Event);
        test.Loop.Schedule(events[3].Event);
        Assert.False(events[5].Event.IsScheduled);
        for (int i = 0; i < 6; i++)
        {
            test.Once(batched);
        }

        Assert.Equal([0, 1, 4, 3], order);
        Assert.All(events, scheduled => Assert.False(scheduled.Event.IsScheduled));
        test.AssertQuiet();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void An_immediate_event_that_schedules_itself_again_comes_after_the_others(bool batched)
    {
        using var test = new LoopHarness(Backend);
        (int fd, int peer) = test.Fds();
        FdBytes.Write(peer);
        var order = new List<string>();
        RecordedImmediate first = new();
        RecordedImmediate second = new(() => order.Add("second"));
        RecordedImmediate fromFirst = new(() => order.Add("from first"));
        first.Then = () =>
        {
            order.Add("first");
            if (first.Count < 2)
            {
                test.Loop.Schedule(fromFirst.Event);
                test.Loop.Schedule(first.Event);
            }
        };
        RecordedFd reader = new();
        reader.Then = _ =>
        {
            order.Add("descriptor");
            test.Loop.RemoveFd(reader.Event);
        };
        test.Loop.Schedule(first.Event);
        test.Loop.Schedule(second.Event);
        test.Loop.AddFd(reader.Event, fd, FdFlags.Read);
        for (int i = 0; i < 6; i++)
        {
            test.Once(batched);
        }

        // One turn ends although handlers schedule more: in a batch the descriptor has its turn in between.
        Assert.Equal(
            batched ? ["first", "second", "descriptor", "from first", "first"] : ["first", "second", "from first", "first", "descriptor"],
            order);
    }

    [Fact]
    public void Immediate_events_that_never_end_do_not_hold_a_batch()
    {
        using var test = new LoopHarness(Backend);
        (int fd, int peer) = test.Fds();
        FdBytes.Write(peer);
        var reader = new RecordedFd();
        var timer = new RecordedTimer();
        RecordedImmediate endless = new();
        endless.Then = () => test.Loop.Schedule(endless.Event);
        test.Loop.Schedule(endless.Event);
        test.Loop.AddFd(reader.Event, fd, FdFlags.Read);
        test.Loop.StartTimer(timer.Timer, 0);
        for (int i = 1; i <= 3; i++)
        {
            test.Loop.RunOnce();
            Assert.Equal((i, i, 1), (endless.Count, reader.Count, timer.Count));
        }

        test.Loop.Cancel(endless.Event);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void An_immediate_event_is_cancelled_by_another_and_scheduled_from_posted_work(bool batched)
    {
        using var test = new LoopHarness(Backend);
        RecordedImmediate never = new();
        RecordedImmediate cancelling = new(() => test.Loop.Cancel(never.Event));
        RecordedImmediate late = new();
        test.Loop.Schedule(cancelling.Event);
        test.Loop.Schedule(never.Event);
        new Thread(() => test.Loop.Post(() => test.Loop.Schedule(late.Event))).Start();
        for (int i = 0; i < 1000 && late.Count == 0; i++)
        {
            test.Loop.LoopOnce(20_000_000);
            test.Once(batched);
        }

        Assert.Equal((0, 1, 1), (never.Count, cancelling.Count, late.Count));
        test.AssertQuiet();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void What_is_due_at_once_comes_as_immediate_posted_timer_signal_operation_descriptor(bool batched)
    {
        using var test = new LoopHarness(Backend);
        using var signals = new SignalSender();
        (int fd, int peer) = test.Fds();
        FdBytes.Write(peer);
        for (int round = 0; round < 3; round++)
        {
            var order = new List<string>();
            var reader = new RecordedFd(_ => order.Add("descriptor"));
            var operation = new Recorded { Then = _ => order.Add("operation") };
            var signal = new RecordedSignal(_ => order.Add("signal"));

            // Set up the other way round, so that no order of setting up can pass for it.
            test.Loop.AddFd(reader.Event, fd, FdFlags.Read);
            test.Loop.BeginCustom(operation.Operation);
            test.Loop.Complete(operation.Operation, 0);
            test.Loop.AddSignal(signal.Event, SignalSender.User1);
            signals.Send(SignalSender.User1);
            test.Loop.StartTimer(new RecordedTimer(() => order.Add("timer")).Timer, test.Loop.NowNs);
            test.Loop.Post(() => order.Add("posted"));
            test.Loop.Schedule(new RecordedImmediate(() => order.Add("immediate")).Event);
            for (int i = 1; i <= 6; i++)
            {
                if (batched)
                {
                    test.Loop.RunOnce();
                    break;
                }

                Assert.True(test.Loop.LoopOnce(-1));
                Assert.Equal(i, order.Count);
            }

            Assert.Equal(["immediate", "posted", "timer", "signal", "operation", "descriptor"], order);
            test.Loop.RemoveFd(reader.Event);
            test.Loop.RemoveSignal(signal.Event);
        }
    }
}
