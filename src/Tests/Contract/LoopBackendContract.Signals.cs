using System.Globalization;
using Harness.Io;

namespace Harness.Tests;

/// <content>Signals of the process.</content>
public abstract partial class LoopBackendContract
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Every_event_of_every_loop_is_told_how_many_signals_there_were(bool batched)
    {
        using var signals = new SignalSender();
        using var test = new LoopHarness(Backend);
        using var second = new LoopHarness(Backend);
        var order = new List<int>();
        RecordedSignal[] events = [.. Enumerable.Range(0, 3).Select(i => new RecordedSignal(_ => order.Add(i)))];
        var other = new RecordedSignal();
        test.Loop.AddSignal(events[0].Event, SignalSender.Counted);
        test.Loop.AddSignal(events[1].Event, SignalSender.Counted);
        second.Loop.AddSignal(events[2].Event, SignalSender.Counted);
        test.Loop.AddSignal(other.Event, SignalSender.User2);
        signals.Send(SignalSender.Counted, times: 5);
        for (int i = 0; i < 3; i++)
        {
            test.Once(batched);
            second.Once(batched);
        }

        // Those that came before the call are told together.
        Assert.All(events, told => Assert.Equal((1, 5), (told.Calls, told.Signals)));
        Assert.Equal([0, 1], order.Where(i => i < 2));
        Assert.Equal(0, other.Calls);
        signals.Send(SignalSender.User2);
        test.Once(batched);
        Assert.Equal((1, 1, 1), (other.Calls, other.Signals, events[0].Calls));
        test.Loop.RemoveSignal(events[0].Event);
        signals.Send(SignalSender.Counted);
        test.Once(batched);
        test.Once(batched);
        Assert.Equal((5, 6), (events[0].Signals, events[1].Signals));
        test.AssertQuiet();
    }

    [Fact]
    public void A_signal_ends_the_sleep_of_a_loop()
    {
        using var signals = new SignalSender();
        using var test = new LoopHarness(Backend);
        var told = new RecordedSignal();
        test.Loop.AddSignal(told.Event, SignalSender.User1);
        for (int round = 1; round <= 3; round++)
        {
            var sending = new Thread(() =>
            {
                Thread.Sleep(3);
                signals.Send(SignalSender.User1);
            });
            sending.Start();
            Assert.True(test.Loop.LoopOnce(20_000_000_000), "the signal was slept through");
            sending.Join();
            Assert.Equal(round, told.Signals);
        }
    }

    [Fact]
    public void A_handler_that_removes_its_event_is_called_for_one_signal_only()
    {
        using var signals = new SignalSender();
        using var test = new LoopHarness(Backend);
        RecordedSignal once = new();
        RecordedSignal never = new();
        once.Then = _ =>
        {
            test.Loop.RemoveSignal(once.Event);
            test.Loop.RemoveSignal(never.Event);
        };
        test.Loop.AddSignal(once.Event, SignalSender.Counted);
        test.Loop.AddSignal(never.Event, SignalSender.Counted);
        signals.Send(SignalSender.Counted);
        test.LoopTimes(1);
        Assert.Equal((1, 1, false), (once.Calls, once.Signals, once.Event.IsAdded));
        signals.Send(SignalSender.Counted);
        test.AssertQuiet();
        Assert.Equal((1, 0), (once.Calls, never.Calls));

        // Added again it starts from nothing.
        test.Loop.AddSignal(once.Event, SignalSender.User2);
        test.AssertQuiet();
        signals.Send(SignalSender.User2);
        test.LoopTimes(1);
        Assert.Equal((2, 2), (once.Calls, once.Signals));
        test.Loop.RemoveSignal(once.Event);
    }

    [Fact]
    public void Signals_that_nobody_can_have_are_refused()
    {
        using var test = new LoopHarness(Backend);
        var told = new RecordedSignal();
        foreach (int signal in new[] { 9, 19, 0, -1, 65, 1000 })
        {
            Assert.Throws<IoException>(() => test.Loop.AddSignal(told.Event, signal));
            Assert.False(told.Event.IsAdded);
        }

        test.Loop.AddSignal(told.Event, SignalSender.User2);
        Assert.Throws<InvalidOperationException>(() => test.Loop.AddSignal(told.Event, SignalSender.User2));
        test.Loop.RemoveSignal(told.Event);
        test.Loop.RemoveSignal(told.Event);
    }

    [Fact]
    public void The_default_action_does_not_take_place_while_there_is_an_event_and_does_again_afterwards()
    {
        using Child child = StartSignalChild([], SignalSender.User1, signals: 2);
        Assert.Equal("ready", child.NextLine(Patience));
        for (int i = 1; i <= 2; i++)
        {
            child.Signal("USR1");

            // The runtime may hand it to the second first, and the loop tells what it has.
            string?[] told = [child.NextLine(Patience), child.NextLine(Patience)];
            Assert.Equal([$"event 0 was told {i}", $"event 1 was told {i}"], told.Order());
        }

        Assert.Equal("removed", child.NextLine(Patience));
        child.Signal("USR1");
        Assert.Equal(128 + SignalSender.User1, child.WaitForExit(Patience));
    }

    [Theory]
    [InlineData(SignalSender.User1)]
    [InlineData(SignalSender.Counted)]
    public void A_process_that_was_started_with_the_signal_blocked_has_it_from_a_signalfd(int signal)
    {
        string name = signal.ToString(CultureInfo.InvariantCulture);
        using Child child = StartSignalChild([$"--block-signal={name}"], signal, signals: 3);
        Assert.Equal("ready with a signalfd", child.NextLine(Patience));
        for (int i = 1; i <= 3; i++)
        {
            child.Signal(name);
            Assert.Equal($"event 0 was told {i}", child.NextLine(Patience));
            Assert.Equal($"event 1 was told {i}", child.NextLine(Patience));
        }

        // Blocked as it is, it does nothing at all once nobody asks for it.
        Assert.Equal("removed", child.NextLine(Patience));
        child.Signal(name);
        Assert.Null(child.WaitForExit(TimeSpan.FromMilliseconds(20)));
    }

    private Child StartSignalChild(string[] blocking, int signal, int signals) => Child.Start(
        "env",
        [
            .. blocking, Environment.ProcessPath!, "exec", typeof(LoopBackendContract).Assembly.Location, "signals", Backend,
            signal.ToString(CultureInfo.InvariantCulture), signals.ToString(CultureInfo.InvariantCulture),
        ]);
}
