namespace Harness.Io;

/// <summary>
/// Decides before each sleep of a loop for how long messages are to gather first: a short time passes, whatever comes, before the loop looks. It finds out by
/// trying, since a loop cannot know how many requests its peer would send without an answer. What network cards call interrupt moderation.
/// </summary>
/// <remarks>
/// Where single messages come in quick succession, a loop that sleeps until the next is woken for each: a sleep, a wake-up, a receive and a send for one
/// message or two, and the peer pays for the wake-ups. Where the peer waits for the answer, on the other hand, each pause is a loss. So: nothing is tried where
/// every sleep brings as many messages as the one before it (the peer sends all that it may, and then waits), where they come too slowly for a pause to gather
/// any, or where a sleep brings many already. Otherwise stretches without and with a short pause alternate, and then stretches with it and one twice as long,
/// and so on: the longer one stays where it took no messages per time away and brought more for each sleep. All of it is looked at again from time to time.
/// </remarks>
internal class Gathering
{
    /// <summary>Sleeps that are watched before a trial, and between two looks at what pauses bring.</summary>
    public const int SampleSleeps = 32;

    /// <summary>
    /// Messages of a stretch, after which it ends with the next sleep: a millisecond or two, since a virtual machine is kept from running for tenths of one
    /// several hundred times a second.
    /// </summary>
    public const int StretchMessages = 256;

    /// <summary>Pairs of stretches in a trial, at most: it ends as soon as it is decided.</summary>
    public const int TrialPairs = 16;

    /// <summary>Sleeps with one pause until the next trial.</summary>
    public const int HeldSleeps = 4096;

    /// <summary>The most sleeps that are watched after trials that ended with no pause.</summary>
    public const int MostPatience = 131_072;

    /// <summary>Pauses that are tried: the longest, and each half as long as the one above it.</summary>
    public const int Lengths = 4;

    // A stretch with the longer pause is not slower where it has so many percent of the messages per time of the one before it, and the pause stays where most
    // are not: single ones may be hit by something else. It is worth it where a quarter more sleeps were needed without.
    private const int NotSlowerPercent = 95;
    private const int PairsNeeded = 9;
    private const int WorthQuarters = 5;

    // The first sleeps of a stretch bring what the pauses before it left behind, and are not counted.
    private const int SettlingSleeps = 2;

    // A sleep that brings so many is cheap already.
    private const int ManyMessages = 16;

    private readonly long _longestNs;
    private Phase _phase;
    private long _messagesSeen;
    private int _sleeps;
    private int _sleepsToTrial = SampleSleeps;
    private long _least;
    private long _most;
    private int _length;
    private int _shorter;
    private bool _looksAgain;
    private int _goodPairs;
    private int _badPairs;
    private int _shorterSleeps;
    private int _longerSleeps;
    private Stretch _stretch;
    private Stretch _withShorter;

    /// <param name="longestNs">The longest pause in nanoseconds, more than 0.</param>
    public Gathering(long longestNs)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(longestNs);
        _longestNs = longestNs;
    }

    private enum Phase
    {
        /// <summary>No pauses; what sleeps bring is watched.</summary>
        Watching,

        /// <summary>Stretches with one pause, or none, and the next longer one.</summary>
        Trying,

        /// <summary>The same pause before every sleep.</summary>
        Holding,
    }

    /// <summary>The pause with which the sleep begins that was last told of, in nanoseconds; 0 for none.</summary>
    public long PauseNs => _length == 0 ? 0 : _longestNs >> (Lengths - _length);

    /// <summary>The loop is about to sleep. The clock is read once in several calls.</summary>
    /// <param name="clock">The loop's clock.</param>
    /// <param name="messages">Messages received since the loop began. A sleep that brought none counts with the next.</param>
    /// <returns><see cref="PauseNs"/>.</returns>
    public virtual long BeforeSleep(ILoopBackend clock, long messages)
    {
        long fresh = messages - _messagesSeen;
        if (fresh == 0)
        {
            return PauseNs;
        }

        _messagesSeen = messages;
        _sleeps++;
        switch (_phase)
        {
            case Phase.Watching:
                Watch(clock, fresh);
                break;
            case Phase.Trying:
                Try(clock);
                break;
            case Phase.Holding when _sleeps == SampleSleeps:
                Hold();
                break;
        }

        return PauseNs;
    }

    private void Watch(ILoopBackend clock, long fresh)
    {
        if (_sleeps == 1)
        {
            // What this sleep brought may have come while nobody watched.
            _stretch = new Stretch(clock.NowNs, _messagesSeen);
            (_least, _most) = (long.MaxValue, 0);
            return;
        }

        (_least, _most) = (Math.Min(_least, fresh), Math.Max(_most, fresh));
        if (_sleeps <= _sleepsToTrial)
        {
            return;
        }

        if (MayPay(_stretch.Until(clock.NowNs, _messagesSeen), _sleeps - 1))
        {
            BeginTrial(shorter: 0);
        }
        else
        {
            BeginWatch(SampleSleeps);
        }
    }

    private bool MayPay(Stretch seen, int sleeps) =>
        _least != _most && seen.Messages < (long)ManyMessages * sleeps && seen.Ns <= _longestNs / 4 * seen.Messages;

    private void BeginWatch(int sleeps)
    {
        _phase = Phase.Watching;
        _sleepsToTrial = sleeps;
        _sleeps = 0;
        _length = 0;
    }

    private void BeginTrial(int shorter, bool looksAgain = false)
    {
        _phase = Phase.Trying;
        _looksAgain = looksAgain;
        _shorter = shorter;
        (_goodPairs, _badPairs, _shorterSleeps, _longerSleeps) = (0, 0, 0, 0);
        BeginStretch(shorter);
    }

    private void BeginStretch(int length)
    {
        _length = length;
        _sleeps = 0;
    }

    private void Try(ILoopBackend clock)
    {
        if (_sleeps == SettlingSleeps)
        {
            _stretch = new Stretch(clock.NowNs, _messagesSeen);
        }
        else if (_sleeps > SettlingSleeps && _messagesSeen - _stretch.Messages >= StretchMessages)
        {
            EndStretch(_stretch.Until(clock.NowNs, _messagesSeen), _sleeps - SettlingSleeps);
        }
    }

    private void EndStretch(Stretch seen, int sleeps)
    {
        if (_length == _shorter)
        {
            _withShorter = seen;
            _shorterSleeps += sleeps;
            BeginStretch(_shorter + 1);
            return;
        }

        _longerSleeps += sleeps;
        _ = seen.IsNotSlowerThan(_withShorter) ? _goodPairs++ : _badPairs++;
        if (_goodPairs == PairsNeeded || _badPairs > TrialPairs - PairsNeeded)
        {
            EndTrial();
        }
        else
        {
            BeginStretch(_shorter);
        }
    }

    private void EndTrial()
    {
        bool longerPays = _goodPairs >= PairsNeeded && _shorterSleeps * 4 >= _longerSleeps * WorthQuarters;
        _length = longerPays ? _shorter + 1 : _shorter;
        if (_length == 0)
        {
            BeginWatch(Math.Min(_sleepsToTrial * 4, MostPatience));
        }
        else if (longerPays && _length < Lengths)
        {
            BeginTrial(_length);
        }
        else if (!longerPays && _looksAgain)
        {
            // What was held does not pay any more; so what is shorter may not either.
            BeginTrial(_length - 1, looksAgain: true);
        }
        else
        {
            _phase = Phase.Holding;
            _sleepsToTrial = HeldSleeps;
            _sleeps = 0;
            _stretch = new Stretch(0, _messagesSeen);
        }
    }

    private void Hold()
    {
        _sleeps = 0;
        _sleepsToTrial -= SampleSleeps;
        long seen = _stretch.Until(0, _messagesSeen).Messages;
        _stretch = new Stretch(0, _messagesSeen);
        if (seen < 2 * SampleSleeps)
        {
            // The peer sends one at a time, and waits.
            BeginWatch(SampleSleeps);
        }
        else if (_sleepsToTrial == 0)
        {
            _sleepsToTrial = SampleSleeps;
            BeginTrial(_length - 1, looksAgain: true);
        }
    }

    /// <summary>Messages, and the time that they took: from a point on, or between two.</summary>
    private readonly record struct Stretch(long Ns, long Messages)
    {
        public Stretch Until(long nowNs, long messages) => new(nowNs - Ns, messages - Messages);

        public bool IsNotSlowerThan(Stretch other) => (Int128)Messages * other.Ns * 100 >= (Int128)other.Messages * Ns * NotSlowerPercent;
    }
}
