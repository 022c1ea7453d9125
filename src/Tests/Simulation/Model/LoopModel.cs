using Harness.Io;
using Harness.Io.Native;

namespace Harness.Tests;

/// <summary>A loop with nothing in it but its rules: what is added, what is ready, and what may be called next. It asks nobody.</summary>
/// <param name="traits">What is known of the backend.</param>
internal sealed partial class LoopModel(LoopTraits traits)
{
    public const int SlotCount = 4;
    public const int EventsPerSlot = 3;
    public const int ImmediateCount = 3;
    public const int TimerCount = 2;

    private readonly ModelEvent[] _events =
        [.. Enumerable.Range(0, SlotCount * EventsPerSlot).Select(i => new ModelEvent(i / EventsPerSlot, i % EventsPerSlot))];
    private readonly List<(int Which, int Start)> _scheduled = [];
    private readonly List<(int Which, int Start)> _running = [];
    private readonly List<int> _toldOfEnds = [];
    private int _starts;

    public ModelChannel?[] Channels { get; } = new ModelChannel?[SlotCount];

    public IReadOnlyList<ModelEvent> Events => _events;

    /// <summary>What was found first, or null. Handlers must not throw, so it is kept until the loop is left.</summary>
    public LoopRuleBrokenException? Broken { get; private set; }

    public bool HasEnding => _events.Any(e => e.State == ModelEventState.Ending);

    /// <summary>What a look must call one of; empty where it must call nothing.</summary>
    public string WhatIsReady => string.Join(", ",
    [
        .. _events.Where(e => e.State == ModelEventState.Ending).Select(e => $"the end of event {e.Name}"),
        .. _scheduled.Select(immediate => $"immediate event {immediate.Which}"),
        .. _running.Select(timer => $"timer {timer.Which}"),
        .. Channels.Where(MustFinishClose).Select(channel => $"the close of descriptor {channel!.Fd}"),
        .. _events.Where(IsReady).Select(e => $"event {e.Name} ({e.Flags & Channels[e.Slot]!.Ready})"),
    ]);

    public ModelEvent Event(int slot, int index) => _events[(slot * EventsPerSlot) + index];

    /// <summary>The channel of a slot, where it can be used.</summary>
    public ModelChannel? Usable(int slot) => Channels[slot] is { IsClosing: false } channel ? channel : null;

    public void Break(LoopRule rule, string what) => Broken ??= new LoopRuleBrokenException(rule, what);

    public void Added(ModelEvent e, int fd, FdFlags flags, IReadOnlyList<LoopStep> script)
    {
        e.State = ModelEventState.Added;
        e.Fd = fd;
        e.Flags = flags;
        e.Script = script;
        e.WasStale = false;
        Restart(e);
        Changed();
    }

    public void FlagsSet(ModelEvent e, FdFlags flags)
    {
        e.Flags = flags;
        Restart(e);
        Changed();
    }

    public void Removed(ModelEvent e)
    {
        e.State = ModelEventState.Idle;
        Changed();
    }

    /// <summary>A close through the loop has begun.</summary>
    public void Closing(ModelChannel channel)
    {
        channel.IsClosing = true;
        foreach (ModelEvent e in _events.Where(e => e.State is ModelEventState.Added && e.Fd == channel.Fd))
        {
            e.State = ModelEventState.Ending;
        }

        Changed();
    }

    /// <summary>The descriptor of a slot has been closed unheard, and the slot has another.</summary>
    public void ClosedUnheard(int slot)
    {
        foreach (ModelEvent e in _events.Where(e => e.State == ModelEventState.Added && e.Slot == slot))
        {
            e.State = ModelEventState.Stale;
            e.WasStale = true;
        }

        Changed();
    }

    /// <summary>The loop has found out that the file of a stale event is gone.</summary>
    public void FoundStale(ModelEvent e) => e.State = ModelEventState.Ending;

    public void Scheduled(int which)
    {
        if (!IsIn(_scheduled, which))
        {
            _scheduled.Add((which, ++_starts));
        }
    }

    public void Cancelled(int which) => _scheduled.RemoveAll(immediate => immediate.Which == which);

    public void Started(int which)
    {
        Stopped(which);
        _running.Add((which, ++_starts));
    }

    public void Stopped(int which) => _running.RemoveAll(timer => timer.Which == which);

    /// <summary>Something has changed: what is not ready any more waits no more, and all others may wait a little longer.</summary>
    public void Changed()
    {
        foreach (ModelChannel channel in Channels.OfType<ModelChannel>())
        {
            channel.PastReady |= channel.Ready;
        }

        foreach (ModelEvent e in _events)
        {
            if (IsReady(e))
            {
                e.Changed();
            }
            else
            {
                Restart(e);
            }
        }
    }

    /// <summary>The model against poll(2).</summary>
    public void CheckItself(LoopCounters counters)
    {
        foreach (ModelChannel channel in Channels.OfType<ModelChannel>().Where(channel => !channel.IsClosing))
        {
            FdFlags truth = FdReadiness.Now(channel.Fd, FdFlags.ReadWrite, counters);
            if (truth != channel.Ready)
            {
                Break(LoopRule.ModelIsRight, $"poll(2) says {truth}, the model says {channel}");
            }
        }
    }

    private static bool IsIn(List<(int Which, int Start)> list, int which) => list.Any(entry => entry.Which == which);

    private static void Restart(ModelEvent e)
    {
        e.IsDueInBatch = false;
        e.WaitsNoMore();
    }

    private bool IsReady(ModelEvent e) =>
        e.State == ModelEventState.Added && Usable(e.Slot) is { } channel && (channel.Ready & e.Flags) != FdFlags.None;

    // As long as a handler is being told of its event's end, the descriptor may well stay open.
    private bool MustFinishClose(ModelChannel? channel) => CanFinishClose(channel) && !_toldOfEnds.Contains(channel!.Fd);

    private bool CanFinishClose(ModelChannel? channel) =>
        channel is { IsClosing: true } && !_events.Any(e => e.State == ModelEventState.Ending && e.Fd == channel.Fd);
}
