using Harness.Io.Native;

namespace Harness.Io;

/// <summary>
/// <c>uring-poll</c>: readiness from a ring, socket calls by ourselves. Reading is watched by one multishot poll per descriptor, which like an edge
/// fires when armed on something readable and then at each wake-up; writing by a one-shot poll while a send found the socket full.
/// </summary>
internal sealed class UringPollBackend : ReadinessBackend, ICompletionSink
{
    private const uint ReadArmed = 1;
    private const uint WriteArmed = 2;
    private const uint Ending = 4;

    private readonly LoopRing _ring;
    private readonly RingPolls _polls;
    private readonly EpollSet? _outer;

    /// <summary>Descriptors with events are polled in the way that measured best.</summary>
    public UringPollBackend()
        : this(RingPollMode.OneShot)
    {
    }

    /// <summary>Descriptors with events are polled in a given way, and the loop sleeps in the ring or in an epoll set that has the ring as a member.</summary>
    public UringPollBackend(RingPollMode mode, bool ringInEpoll = false, RingEnvironment? environment = null)
    {
        _outer = ringInEpoll ? new EpollSet(Calls) : null;
        _ring = new LoopRing(WakeUp, Calls, this, _outer, environment);
        _polls = new RingPolls(_ring, Calls, mode);
    }

    public override string Name => "uring-poll";

    public override string Description => _ring.Description;

    public override LoopCounters Counters
    {
        get
        {
            _ring.Publish();
            return Calls;
        }
    }

    public override ForeignClose OnForeignClose => ForeignClose.HeldOpen;

    public override void Attach(EventLoop loop)
    {
        base.Attach(loop);
        _polls.Attach(loop);
    }

    public override void SetInterest(int fd, FdFlags interest) => _polls.SetInterest(fd, interest);

    public override void Rewatch(int fd) => _polls.Rewatch(fd);

    public override FdFlags Confirm(int fd, FdFlags interest) => _polls.Confirm(fd, interest);

    public override bool Quiesce(int fd)
    {
        bool eventsQuiet = _polls.Quiesce(fd);
        Watch watch = WatchOf(fd);
        if (watch.Armed == 0)
        {
            return eventsQuiet;
        }

        // The polls outlive close(2) and keep the file open, so they end first; their own completions say when.
        EndPoll(watch, ReadArmed, CompletionTag.Readable);
        EndPoll(watch, WriteArmed, CompletionTag.Writable);
        watch.Armed |= Ending;
        return false;
    }

    public override void Wait(long timeoutNs, int maxEvents) => _ring.Wait(timeoutNs);

    public void OnCompletion(CompletionTag tag, int index, uint generation, Cqe completion)
    {
        if (tag != CompletionTag.Event)
        {
            OnPolled(WatchOf(index), generation, completion, tag == CompletionTag.Readable ? ReadArmed : WriteArmed);
        }
        else if (_polls.OnCompletion(index, generation, completion) && WatchOf(index).Armed == 0)
        {
            Loop.DescriptorQuiet(index);
        }
    }

    public override void Dispose()
    {
        base.Dispose();
        _ring.Dispose();
        _outer?.Dispose();
    }

    protected override void ArmRead(Watch watch) => Arm(watch, ReadArmed, Poll.POLLIN | Poll.POLLRDHUP, CompletionTag.Readable, multishot: true);

    // The kernel adds POLLRDHUP to every poll, so once the peer has ended its sending a one-shot would fire at once, for ever, and say nothing of room.
    // A multishot fires for that once, and then at each wake-up.
    protected override void ArmWrite(Watch watch) => Arm(watch, WriteArmed, Poll.POLLOUT, CompletionTag.Writable, multishot: watch.HungUp);

    // The multishot poll stays: an edge that nobody waits for is remembered in MayRead.
    protected override void DisarmRead(Watch watch)
    {
    }

    // The one-shot poll stays until it fires; a stray one only says that the socket may be written.
    protected override void DisarmWrite(Watch watch)
    {
    }

    private void Arm(Watch watch, uint what, int events, CompletionTag tag, bool multishot)
    {
        if ((watch.Armed & what) == 0)
        {
            _ring.Reserve(1);
            _ring.Ring.PreparePollAdd(watch.Fd, (uint)events, multishot, LoopRing.Pack(tag, watch.Fd, watch.Generation));
            watch.Armed |= what;
        }
    }

    private void EndPoll(Watch watch, uint what, CompletionTag tag)
    {
        if ((watch.Armed & what) != 0)
        {
            _ring.Reserve(1);
            // ASYNC_CANCEL, not POLL_REMOVE: while an event of the poll is on its way, POLL_REMOVE gives up with EALREADY and the poll lives on (seen on 6.18).
            _ring.Ring.PrepareCancel(LoopRing.Pack(tag, watch.Fd, watch.Generation), LoopRing.Ignored);
        }
    }

    private void OnPolled(Watch watch, uint generation, Cqe completion, uint what)
    {
        if ((watch.Generation & LoopRing.GenerationMask) != generation)
        {
            return;
        }

        if (!completion.HasMore)
        {
            watch.Armed &= ~what;
        }

        if ((watch.Armed & Ending) != 0)
        {
            if (watch.Armed == Ending)
            {
                watch.Armed = 0;
                if (!_polls.Holds(watch.Fd))
                {
                    Loop.DescriptorQuiet(watch.Fd);
                }
            }

            return;
        }

        // A poll that failed is treated as a hang-up: the socket call that follows gives the true error.
        int events = completion.Result < 0 ? Poll.POLLERR : completion.Result;
        bool hungUp = (events & (Poll.POLLHUP | Poll.POLLERR)) != 0;
        OnReady(watch, (events & Poll.POLLIN) != 0, (events & Poll.POLLOUT) != 0, (events & Poll.POLLRDHUP) != 0, hungUp);
        if (what == WriteArmed && watch.Writer is not null)
        {
            // It fired for the end of what the peer sends and not for room: go on waiting.
            ArmWrite(watch);
        }
    }
}
