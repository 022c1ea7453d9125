using Harness.Io;

namespace Harness.Tests;

/// <summary>Timers on a simulated clock, where order and instants are exact, against a plain sorted list.</summary>
public class TimerOrderTests
{
    private const long SpanNs = 1_000_000;

    [Theory]
    [InlineData(1, true)]
    [InlineData(2, true)]
    [InlineData(3, false)]
    [InlineData(4, false)]
    public void Thousands_that_start_move_stop_and_start_again_come_in_order_and_to_the_instant(int seed, bool batched)
    {
        using var backend = new SimulatedBackend();
        using var loop = new EventLoop(backend);
        var world = new World(loop, new Random(seed), timers: TestScale.Pick(3000, 100_000), fires: TestScale.Pick(20_000, 1_000_000));
        world.StartSome();
        while (world.IsRunning)
        {
            if (batched)
            {
                loop.RunOnce();
            }
            else
            {
                Assert.True(loop.LoopOnce());
            }
        }

        Assert.True(world.Fires >= world.FiresWanted);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Who_starts_itself_again_for_a_time_that_has_passed_comes_after_all_that_are_due(bool batched)
    {
        using var loop = new EventLoop(new SimulatedBackend());
        var order = new List<string>();
        var eager = new LoopTimer(new Called(timer =>
        {
            order.Add("eager");
            if (order.Count < 20)
            {
                loop.StartTimer(timer, 0);
            }
        }));
        LoopTimer[] others = [.. Enumerable.Range(0, 3).Select(i => new LoopTimer(new Called(_ => order.Add($"{i}"))))];
        loop.StartTimer(eager, 100);
        for (int i = 0; i < others.Length; i++)
        {
            loop.StartTimer(others[i], 100);
        }

        Turn(loop, batched, handlers: 4);
        Assert.Equal(["eager", "0", "1", "2"], order);
        Assert.True(eager.IsRunning);
        Assert.Equal(0, eager.DueNs);

        // In the next turn it is its turn again, once.
        Turn(loop, batched, handlers: 1);
        Assert.Equal(5, order.Count);
        Assert.Equal(100, loop.NowNs);
    }

    [Fact]
    public void A_timer_that_is_always_due_leaves_each_turn_to_the_others()
    {
        using var loop = new EventLoop(new SimulatedBackend());
        int fired = 0;
        int posted = 0;
        var eager = new LoopTimer(new Called(timer =>
        {
            // So often only that a turn that did not end is seen, and not waited for.
            if (++fired < 1000)
            {
                loop.StartTimerAfter(timer, 0);
            }
        }));
        loop.StartTimerAfter(eager, 0);
        for (int turn = 1; turn <= 100; turn++)
        {
            loop.Post(() => posted++);
            loop.RunOnce();
            Assert.Equal((turn, turn), (fired, posted));
        }
    }

    [Fact]
    public void A_handler_that_runs_the_loop_finds_the_timers_that_are_left()
    {
        using var loop = new EventLoop(new SimulatedBackend());
        var order = new List<int>();
        LoopTimer[] timers = new LoopTimer[4];
        for (int i = 0; i < timers.Length; i++)
        {
            int number = i;
            timers[i] = new LoopTimer(new Called(_ =>
            {
                order.Add(number);
                if (number == 0)
                {
                    // The last is of a later instant; the first is started again in the past, behind it.
                    loop.StartTimer(timers[3], 200);
                    loop.LoopOnce();
                    loop.LoopOnce();
                    loop.LoopOnce();
                    Assert.Equal(200, loop.NowNs);
                    Assert.Equal([0, 1, 2, 3], order);
                    loop.StartTimer(timers[1], 0);
                }
            }));
            loop.StartTimer(timers[i], 100);
        }

        loop.RunOnce();
        Assert.Equal([0, 1, 2, 3], order);
        loop.RunOnce();
        Assert.Equal([0, 1, 2, 3, 1], order);
    }

    [Theory]
    [InlineData(WaitMode.Block)]
    [InlineData(WaitMode.Adaptive)]
    public void A_delay_beyond_the_clock_is_never_and_a_negative_one_is_refused(WaitMode wait)
    {
        using var backend = new TickingBackend();
        using var loop = new EventLoop(backend, wait);
        bool never = false;
        var timer = new LoopTimer(new Called(_ => never = true));
        Assert.Throws<ArgumentOutOfRangeException>(() => loop.StartTimerAfter(timer, -1));
        Assert.False(timer.IsRunning);
        loop.StartTimerAfter(timer, long.MaxValue);
        Assert.Equal(long.MaxValue, timer.DueNs);
        loop.RunOnce();
        Assert.True(backend.HasSleptLong, "it turned round instead of sleeping");
        Assert.False(never);
    }

    [Theory]
    [InlineData(WaitMode.Block)]
    [InlineData(WaitMode.Adaptive)]
    public void Waiting_beyond_the_clock_is_no_short_wait(WaitMode wait)
    {
        using var backend = new TickingBackend { EndsWithSleep = true };
        using var loop = new EventLoop(backend, wait);
        Assert.False(loop.LoopOnce(long.MaxValue - 1));
        Assert.True(backend.HasSleptLong, "it did not sleep");
    }

    [Fact]
    public void Starting_again_moves_a_timer_to_what_was_said_last()
    {
        using var loop = new EventLoop(new SimulatedBackend());
        var instants = new List<long>();
        var timer = new LoopTimer(new Called(_ => instants.Add(loop.NowNs)));
        loop.StartTimerAfter(timer, 500);
        loop.StartTimerAfter(timer, 700);
        loop.StartTimer(timer, 600);
        Assert.True(loop.LoopOnce(10_000));
        Assert.False(loop.LoopOnce(10_000));
        Assert.Equal([600], instants);
        Assert.Equal(10_600, loop.NowNs);
    }

    private static void Turn(EventLoop loop, bool batched, int handlers)
    {
        if (batched)
        {
            loop.RunOnce();
            return;
        }

        for (int i = 0; i < handlers; i++)
        {
            Assert.True(loop.LoopOnce());
        }
    }

    private sealed class Called(Action<LoopTimer> action) : ITimerHandler
    {
        public void OnTimer(LoopTimer timer) => action(timer);
    }

    /// <summary>Its clock goes on a little at each look, as a real one does, and a sleep is ended by somebody.</summary>
    private sealed class TickingBackend : BareBackend
    {
        private long _nowNs = 1_000_000_000;

        public override string Name => "ticking";

        public override long NowNs => _nowNs += _nowNs < long.MaxValue ? 1 : 0;

        public bool HasSleptLong { get; private set; }

        /// <summary>Whether a long sleep lasts to the end of the clock; else it ends at once.</summary>
        public bool EndsWithSleep { get; init; }

        public override void Wait(long timeoutNs, int maxEvents)
        {
            _nowNs += 1000;
            if (timeoutNs is < 0 or > long.MaxValue / 2)
            {
                HasSleptLong = true;
                _nowNs = EndsWithSleep ? long.MaxValue : _nowNs;
            }
        }
    }

    /// <summary>Timers whose handlers start, move and stop others at random, and the sorted list that says which is next, and when.</summary>
    private sealed class World : ITimerHandler
    {
        private readonly EventLoop _loop;
        private readonly Random _random;
        private readonly LoopTimer[] _timers;
        private readonly Dictionary<LoopTimer, (long DueNs, long Start)> _entries = [];
        private readonly SortedDictionary<(long DueNs, long Start), LoopTimer> _model = [];
        private long _starts;

        public World(EventLoop loop, Random random, int timers, int fires)
        {
            _loop = loop;
            _random = random;
            _timers = [.. Enumerable.Range(0, timers).Select(_ => new LoopTimer(this))];
            FiresWanted = fires;
        }

        public int Fires { get; private set; }

        public int FiresWanted { get; }

        public bool IsRunning => _model.Count > 0;

        public void StartSome()
        {
            foreach (LoopTimer timer in _timers)
            {
                Start(timer);
            }

            Change(_timers.Length);
        }

        public void OnTimer(LoopTimer timer)
        {
            Fires++;
            (var key, LoopTimer expected) = _model.First();
            Assert.Same(expected, timer);
            Assert.Equal(key.DueNs, _loop.NowNs);
            Assert.Equal(key.DueNs, timer.DueNs);
            Assert.False(timer.IsRunning);
            Forget(timer);
            if (Fires < FiresWanted)
            {
                Start(timer);
                Change(_random.Next(4));
            }
        }

        private void Change(int times)
        {
            for (int i = 0; i < times; i++)
            {
                LoopTimer timer = _timers[_random.Next(_timers.Length)];
                if (_random.Next(3) == 0)
                {
                    _loop.StopTimer(timer);
                    Forget(timer);
                }
                else
                {
                    Start(timer);
                }
            }
        }

        /// <summary>Few instants, so that many timers share one.</summary>
        private void Start(LoopTimer timer)
        {
            long delayNs = _random.Next(1, 5000) * (SpanNs / 5000);
            if (_random.Next(2) == 0)
            {
                _loop.StartTimerAfter(timer, delayNs);
            }
            else
            {
                _loop.StartTimer(timer, _loop.NowNs + delayNs);
            }

            Forget(timer);
            var key = (_loop.NowNs + delayNs, _starts++);
            _entries[timer] = key;
            _model.Add(key, timer);
        }

        private void Forget(LoopTimer timer)
        {
            if (_entries.Remove(timer, out var key))
            {
                _model.Remove(key);
            }
        }
    }
}
