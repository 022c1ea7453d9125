using Harness.Io;

namespace Harness.Tests;

/// <summary>When a loop lets messages gather, against peers of every kind on a clock of their own: nothing here depends on the machine.</summary>
public sealed class GatheringTests
{
    private const long LongestNs = 80_000;

    [Fact]
    public void A_peer_that_sends_one_after_another_is_waited_for_as_long_as_may_be()
    {
        var peer = new SteadyPeer(gapNs: 5_000, window: int.MaxValue);
        peer.Run(100_000);
        Assert.Equal(LongestNs, peer.MostPauseNs);
        Assert.InRange(peer.PausedSleeps, 80_000, 100_000);
        Assert.InRange(peer.Messages / (double)peer.Sleeps, 10, 20);
    }

    [Fact]
    public void A_peer_whose_window_ends_within_the_longest_pause_is_waited_for_less_long()
    {
        // Eight messages take 40 µs, and then the peer waits for the answers.
        var peer = new SteadyPeer(gapNs: 5_000, window: 8);
        peer.Run(100_000);
        Assert.Equal(LongestNs / 4, peer.UsualPauseNs);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(16)]
    public void A_peer_that_sends_all_it_may_and_waits_is_never_kept_waiting(int window)
    {
        var peer = new TurnTaker(_ => window, roundTripNs: 5_000);
        peer.Run(100_000);
        Assert.Equal(0, peer.PausedSleeps);
        Assert.InRange(peer.ClockReads, 1, 100_000 / 16);
    }

    [Fact]
    public void Peers_that_each_wait_for_their_answer_are_hardly_kept_waiting()
    {
        // Two connections with one request each, which come together or not: a sleep brings one or two.
        var peer = new TurnTaker(sleep => 1 + (sleep / 3 % 2), roundTripNs: 12_000);
        peer.Run(2_000_000);
        Assert.InRange(peer.PausedSleeps, 1, 2_000_000 / 50);
        Assert.Equal(0, peer.UsualPauseNs);
    }

    [Fact]
    public void Messages_that_come_slowly_are_taken_as_they_come()
    {
        var peer = new SteadyPeer(gapNs: 50_000, window: int.MaxValue);
        peer.Run(50_000);
        Assert.Equal(0, peer.PausedSleeps);
    }

    [Fact]
    public void Sleeps_that_bring_many_already_need_no_pause()
    {
        var peer = new TurnTaker(sleep => 20 + (sleep % 5), roundTripNs: 30_000);
        peer.Run(50_000);
        Assert.Equal(0, peer.PausedSleeps);
    }

    [Fact]
    public void Pauses_end_soon_after_what_they_gathered_has_ended()
    {
        var gathering = new Gathering(LongestNs);
        var busy = new SteadyPeer(gapNs: 5_000, window: int.MaxValue, gathering);
        busy.Run(20_000);
        Assert.True(gathering.PauseNs > 0);
        var lone = new TurnTaker(_ => 1, roundTripNs: 5_000, gathering, busy);
        lone.Run(2 * Gathering.SampleSleeps);
        Assert.Equal(0, gathering.PauseNs);
        lone.PausedSleeps = 0;
        lone.Run(50_000);
        Assert.Equal(0, lone.PausedSleeps);
    }

    [Fact]
    public void What_was_found_is_looked_at_again()
    {
        var gathering = new Gathering(LongestNs);
        var busy = new SteadyPeer(gapNs: 5_000, window: int.MaxValue, gathering);
        busy.Run(20_000);
        Assert.Equal(LongestNs, gathering.PauseNs);

        // The same peer sends no more than eight without an answer now.
        busy.Window = 8;
        busy.Run(6 * Gathering.HeldSleeps);
        busy.Run(6 * Gathering.HeldSleeps);
        Assert.Equal(LongestNs / 4, busy.UsualPauseNs);
    }

    [Fact]
    public void A_sleep_that_brings_nothing_changes_nothing()
    {
        var gathering = new Gathering(LongestNs);
        using var clock = new TestClock();
        for (int i = 0; i < 10_000; i++)
        {
            Assert.Equal(0, gathering.BeforeSleep(clock, 0));
        }

        Assert.Equal(0, clock.Reads);
        Assert.Throws<ArgumentOutOfRangeException>(() => new Gathering(0));
    }

    /// <summary>A loop that only sleeps: what each sleep brings, and how long it takes, is the peer's.</summary>
    private abstract class Peer(Gathering? gathering, Peer? before)
    {
        private readonly Gathering _gathering = gathering ?? new Gathering(LongestNs);
        private readonly TestClock _clock = before?._clock ?? new TestClock();
        private readonly Dictionary<long, int> _pauses = [];

        public long Messages { get; private set; } = before?.Messages ?? 0;

        public int Sleeps { get; private set; }

        public int PausedSleeps { get; set; }

        public int ClockReads => _clock.Reads;

        public long MostPauseNs => _pauses.Keys.Max();

        /// <summary>The one that most sleeps of the last run had.</summary>
        public long UsualPauseNs => _pauses.MaxBy(pause => pause.Value).Key;

        public void Run(int sleeps)
        {
            _pauses.Clear();
            for (int i = 0; i < sleeps; i++)
            {
                long pauseNs = _gathering.BeforeSleep(_clock, Messages);
                _pauses[pauseNs] = _pauses.GetValueOrDefault(pauseNs) + 1;
                PausedSleeps += pauseNs > 0 ? 1 : 0;
                (long ns, int messages) = Sleep(pauseNs, Sleeps++);
                _clock.Advance(ns);
                Messages += messages;
            }
        }

        protected abstract (long Ns, int Messages) Sleep(long pauseNs, int sleep);
    }

    /// <summary>
    /// Sends a message every so often, whatever is answered, as long as not too many are without an answer. A sleep without a pause ends with a message.
    /// </summary>
    private sealed class SteadyPeer(long gapNs, int window, Gathering? gathering = null) : Peer(gathering, null)
    {
        private long _restNs;

        public int Window { get; set; } = window;

        protected override (long Ns, int Messages) Sleep(long pauseNs, int sleep)
        {
            // Waking up takes a little longer now and then, so that sleeps bring one message or two.
            long ns = Math.Max(pauseNs, gapNs - _restNs) + 2_000 + (sleep % 3 * 4_000);
            int messages = (int)Math.Min(Window, (_restNs + ns) / gapNs);
            _restNs = messages == Window ? 0 : _restNs + ns - (messages * gapNs);
            return (ns, messages);
        }
    }

    /// <summary>Sends again when it is answered, and not before.</summary>
    private sealed class TurnTaker(Func<int, int> messages, long roundTripNs, Gathering? gathering = null, Peer? before = null) : Peer(gathering, before)
    {
        protected override (long Ns, int Messages) Sleep(long pauseNs, int sleep) => (pauseNs + roundTripNs, messages(sleep));
    }

    private sealed class TestClock : BareBackend
    {
        private long _nowNs;

        public override string Name => "clock";

        public int Reads { get; private set; }

        public override long NowNs
        {
            get
            {
                Reads++;
                return _nowNs;
            }

            protected set => _nowNs = value;
        }

        public void Advance(long ns) => _nowNs += ns;

        public override void Wait(long timeoutNs, int maxEvents) => throw new NotSupportedException();
    }
}
