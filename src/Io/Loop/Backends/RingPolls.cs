namespace Harness.Io;

/// <summary>How a ring is made to tell of a descriptor for as long as it is ready.</summary>
internal enum RingPollMode
{
    /// <summary>A poll that fires once, armed again after each event: one entry and one completion for each.</summary>
    OneShot,

    /// <summary>
    /// A multishot poll, which is edge-triggered, updated after each event, which makes it look again: one entry and one completion for each.
    /// </summary>
    Update,

    /// <summary>
    /// A multishot poll as it is, edge-triggered: no entry, one completion for each. Handlers must take all that there is, or hear no more of it.
    /// </summary>
    Edge,
}

/// <summary>The polls of descriptors with events in a loop's ring. Each holds its file open until it has ended.</summary>
internal sealed class RingPolls(LoopRing ring, LoopCounters counters, RingPollMode mode)
{
    private State?[] _states = new State?[64];
    private EventLoop _loop = null!;

    public void Attach(EventLoop loop) => _loop = loop;

    public void SetInterest(int fd, FdFlags interest)
    {
        State state = StateOf(fd);
        state.Interest = interest;
        int events = FdReadiness.ToPoll(interest);
        if (state.Armed == 0 ? interest == FdFlags.None : events == state.Armed)
        {
            return;
        }

        // A poll that asks for more than is wanted may stay until it fires; a multishot would go on firing.
        if (interest != FdFlags.None && (events & ~state.Armed) == 0 && !state.IsMultishot)
        {
            return;
        }

        Disarm(state);
        if (interest != FdFlags.None)
        {
            Arm(state, mode != RingPollMode.OneShot);
        }
    }

    public void Rewatch(int fd)
    {
        State state = StateOf(fd);
        if (state.Armed == 0)
        {
            Arm(state, mode != RingPollMode.OneShot);
        }
        else if (mode == RingPollMode.Update)
        {
            Update(state);
        }
        else if (mode == RingPollMode.OneShot && state.IsMultishot)
        {
            Disarm(state);
            Arm(state, multishot: false);
        }
    }

    /// <summary>True where the ring holds nothing of the descriptor; otherwise the last completion calls <see cref="EventLoop.DescriptorQuiet"/>.</summary>
    public bool Quiesce(int fd)
    {
        State state = StateOf(fd);
        Disarm(state);
        state.IsQuiescing = state.Outstanding > 0;
        return !state.IsQuiescing;
    }

    /// <summary>True while the ring holds polls of the descriptor.</summary>
    public bool Holds(int fd) => (uint)fd < (uint)_states.Length && _states[fd] is { Outstanding: > 0 };

    /// <summary>A poll of a descriptor has fired or ended. Returns true where that was the last thing that <see cref="Quiesce"/> waited for.</summary>
    public bool OnCompletion(int fd, uint generation, Cqe completion)
    {
        State state = StateOf(fd);
        if (!completion.HasMore)
        {
            state.Outstanding--;
        }

        if ((state.Generation & LoopRing.GenerationMask) == generation && state.Armed != 0)
        {
            OnPolled(state, completion);
        }

        bool quiet = state.IsQuiescing && state.Outstanding == 0;
        state.IsQuiescing &= !quiet;
        return quiet;
    }

    public FdFlags Confirm(int fd, FdFlags interest) => FdReadiness.Now(fd, interest, counters);

    private void OnPolled(State state, Cqe completion)
    {
        state.Armed = completion.HasMore ? state.Armed : 0;
        if (completion.Result < 0)
        {
            Disarm(state);
            state.Interest = FdFlags.None;
            _loop.ReportEnded(state.Fd, completion.Result);
            return;
        }

        FdFlags ready = FdReadiness.FromPoll(completion.Result) & state.Interest;
        if (ready != FdFlags.None)
        {
            // A poll fires with what woke it, and the kernel does not look again when the completion is taken.
            _loop.ReportReady(state.Fd, ready, mayHavePassed: true);
        }
        else if (state.Armed == 0)
        {
            // The kernel adds POLLRDHUP to every poll: it has fired for the end of what the peer sends, which nobody asked for, and would at once again. A
            // multishot fires for that once, and then at each wake-up. Or it has fired for what nobody asks for any more, and what is asked for may be so too.
            Arm(state, multishot: true);
            ring.MustLookAgain = true;
        }
    }

    private void Arm(State state, bool multishot)
    {
        ring.Reserve(1);
        state.Armed = FdReadiness.ToPoll(state.Interest);
        state.IsMultishot = multishot;
        state.Outstanding++;
        ring.Ring.PreparePollAdd(state.Fd, (uint)state.Armed, multishot, LoopRing.Pack(CompletionTag.Event, state.Fd, state.Generation));
    }

    // While an event of the poll is on its way the update fails with EALREADY, and the event comes; so it may be ignored.
    private void Update(State state)
    {
        ring.Reserve(1);
        ring.Ring.PreparePollUpdate(
            LoopRing.Pack(CompletionTag.Event, state.Fd, state.Generation), (uint)state.Armed, multishot: true, LoopRing.Ignored, ring.SkipSuccess);
    }

    // ASYNC_CANCEL, not POLL_REMOVE: while an event of the poll is on its way, POLL_REMOVE gives up with EALREADY and the poll lives on (seen on 6.18).
    private void Disarm(State state)
    {
        if (state.Armed != 0)
        {
            ring.Reserve(1);
            ring.Ring.PrepareCancel(LoopRing.Pack(CompletionTag.Event, state.Fd, state.Generation), LoopRing.Ignored, ring.SkipSuccess);
            state.Armed = 0;
            state.Generation++;
        }
    }

    private State StateOf(int fd)
    {
        if ((uint)fd < (uint)_states.Length && _states[fd] is { } known)
        {
            return known;
        }

        if (fd >= _states.Length)
        {
            Array.Resize(ref _states, Math.Max(fd + 1, _states.Length * 2));
        }

        return _states[fd] = new State(fd);
    }

    /// <summary>What the ring has been asked of one descriptor number.</summary>
    private sealed class State(int fd)
    {
        public readonly int Fd = fd;
        public FdFlags Interest;

        /// <summary>The events of the poll that counts; 0 where there is none.</summary>
        public int Armed;
        public bool IsMultishot;

        /// <summary>Raised when a poll is given up, so that what it still says is not heard.</summary>
        public uint Generation;

        /// <summary>Polls that have not ended, given up or not.</summary>
        public int Outstanding;
        public bool IsQuiescing;
    }
}
