using Harness.Io;
using Harness.Io.Native;

namespace Harness.Tests;

/// <content>What may be called, and when.</content>
internal sealed partial class LoopModel
{
    private readonly Stack<Run> _runs = new();
    private int _batches;

    public int Depth => _runs.Count;

    /// <summary>True within a batch, which gives up what a single look promises.</summary>
    public bool IsInBatch => _runs.Any(run => run.IsBatch);

    /// <summary>One look begins.</summary>
    public void BeginLook()
    {
        foreach (Run outer in _runs)
        {
            outer.HasNested = true;
        }

        foreach (ModelChannel channel in Channels.OfType<ModelChannel>())
        {
            channel.SeenReady |= channel.Ready;
        }

        _runs.Push(new Run { Ready = WhatIsReady });
    }

    /// <summary>One look has ended and says whether it has called a handler.</summary>
    public void EndLook(bool told)
    {
        Run run = _runs.Pop();
        if (run.Ready.Length > 0 && !told)
        {
            Break(LoopRule.ReadyIsTold, $"a look finds nothing, and ready is {run.Ready}");
        }

        if (run.Calls != (told ? 1 : 0))
        {
            Break(LoopRule.OneHandler, $"a look says {told} and has called {run.Calls} handlers");
        }
    }

    /// <summary>A batch begins.</summary>
    public void BeginBatch()
    {
        _batches++;
        foreach (ModelChannel channel in Channels.OfType<ModelChannel>())
        {
            channel.SeenReady = channel.Ready;
        }

        foreach (ModelEvent e in _events)
        {
            e.IsDueInBatch = IsReady(e);
        }

        _runs.Push(new Run { IsBatch = true, LastStart = _starts, Ending = [.. _events.Where(e => e.State == ModelEventState.Ending)] });
    }

    /// <summary>A batch has ended.</summary>
    public void EndBatch()
    {
        Run run = _runs.Pop();
        string[] left =
        [
            .. run.Ending.Where(e => e.State == ModelEventState.Ending).Select(e => $"the end of event {e.Name}"),
            .. _scheduled.Where(immediate => immediate.Start <= run.LastStart).Select(immediate => $"immediate event {immediate.Which}"),
            .. _running.Where(timer => timer.Start <= run.LastStart).Select(timer => $"timer {timer.Which}"),
            .. _events.Where(e => e.IsDueInBatch && !run.HasNested && !IsServed(e)).Select(e => $"event {e.Name}"),
        ];
        if (left.Length > 0)
        {
            Break(LoopRule.WholeBatch, $"a batch has left out {string.Join(", ", left)}");
        }
    }

    public void ReadyCalled(ModelEvent e, FdFlags ready)
    {
        Run? run = Called($"event {e.Name}");
        if (e.State != ModelEventState.Added)
        {
            LoopRule rule = e.State switch
            {
                ModelEventState.Idle => LoopRule.NothingAfterRemove,
                ModelEventState.Stale => LoopRule.NoStranger,
                _ => LoopRule.EndsOnce,
            };
            Break(rule, $"event {e.Name} is told {ready}, and is {e.State}");
            return;
        }

        if (run is null || Usable(e.Slot) is not { } channel)
        {
            return;
        }

        CheckOrder(run, beforeImmediates: false, beforeTimers: false, $"event {e.Name}");
        CheckReady(run, e, ready, channel);
        CheckFairness(e);
        channel.PastReady = channel.Ready;
        e.CalledInBatch = _batches;
        e.WaitsNoMore();
    }

    public void EndCalled(ModelEvent e, int error)
    {
        Called($"the end of event {e.Name}");
        if (e.State != ModelEventState.Ending)
        {
            Break(LoopRule.EndsOnce, $"event {e.Name} is told of its end ({error}), and is {e.State}");
        }
        else if (error != -Errno.ECANCELED && !(e.WasStale && error == -Errno.EBADF))
        {
            Break(LoopRule.EndsOnce, $"event {e.Name} is told of its end with {error}");
        }

        e.State = ModelEventState.Idle;
        _toldOfEnds.Add(e.Fd);
        Changed();
    }

    /// <summary>The handler that was told of an end has returned.</summary>
    public void EndReturned(int fd) => _toldOfEnds.Remove(fd);

    public void CloseCalled(int slot, int result)
    {
        Run? run = Called($"the close of slot {slot}");
        if (result != 0 || !CanFinishClose(Channels[slot]))
        {
            Break(LoopRule.CloseEnds, $"the close of slot {slot} ends with {result}, and the slot has {Channels[slot]?.ToString() ?? "nothing"}");
        }

        if (run is not null)
        {
            CheckOrder(run, beforeImmediates: false, beforeTimers: false, $"the close of slot {slot}");
        }

        Channels[slot] = null;
        Changed();
    }

    public void ImmediateCalled(int which)
    {
        if (Called($"immediate event {which}") is { } run)
        {
            CheckOrder(run, beforeImmediates: true, beforeTimers: true, $"immediate event {which}");
        }

        TakeFirst(_scheduled, which, "immediate event");
    }

    public void TimerCalled(int which)
    {
        if (Called($"timer {which}") is { } run)
        {
            CheckOrder(run, beforeImmediates: false, beforeTimers: true, $"timer {which}");
        }

        TakeFirst(_running, which, "timer");
    }

    /// <summary>
    /// Called in this batch, or the one report of its descriptor was for another: of what is so at the same time a poll in a ring tells the latest.
    /// </summary>
    private bool IsServed(ModelEvent e) =>
        _events.Any(other => other.CalledInBatch == _batches && (other == e || (traits.TellsPast && other.Fd == e.Fd)));

    private Run? Called(string what)
    {
        if (!_runs.TryPeek(out Run? run))
        {
            Break(LoopRule.OneHandler, $"{what} is called and nobody runs the loop");
            return null;
        }

        run.Calls++;
        return run;
    }

    private void TakeFirst(List<(int Which, int Start)> list, int which, string kind)
    {
        if (!IsIn(list, which))
        {
            Break(LoopRule.NothingAfterCancel, $"{kind} {which} is called and is not to be");
            return;
        }

        if (list[0].Which != which)
        {
            Break(LoopRule.Order, $"{kind} {which} is called before {list[0].Which}, which started earlier");
        }

        list.RemoveAll(entry => entry.Which == which);
    }

    /// <summary>A batch takes each kind once, so what its handlers add of an earlier kind waits for the next.</summary>
    private void CheckOrder(Run run, bool beforeImmediates, bool beforeTimers, string what)
    {
        if (run.IsBatch)
        {
            return;
        }

        string? first = HasEnding ? "an event that has ended" : !beforeImmediates && _scheduled.Count > 0 ? "an immediate event"
            : !beforeTimers && _running.Count > 0 ? "a timer" : null;
        if (first is not null)
        {
            Break(LoopRule.Order, $"{what} is called before {first}");
        }
    }

    private void CheckReady(Run run, ModelEvent e, FdFlags ready, ModelChannel channel)
    {
        FdFlags so = run.IsBatch ? channel.SeenReady | (traits.TellsPast ? channel.PastReady : 0) : channel.Ready;
        if (ready == FdFlags.None || (ready & ~e.Flags) != FdFlags.None)
        {
            Break(LoopRule.OnlyItsFlags, $"event {e.Name} asks for {e.Flags} and is told {ready}");
        }
        else if ((ready & ~so) != FdFlags.None)
        {
            Break(LoopRule.OnlyWhatIsSo, $"event {e.Name} is told {ready}, so is {so}; {channel}");
        }
        else if (run is { IsBatch: true, HasNested: false } && e.CalledInBatch == _batches)
        {
            Break(LoopRule.OncePerBatch, $"event {e.Name} is called twice in a batch");
        }
    }

    // A descriptor's turn comes once in a round of descriptors, and an event's once in a round of its descriptor's events.
    private void CheckFairness(ModelEvent called)
    {
        int descriptors = _events.Where(e => e.State == ModelEventState.Added).Select(e => e.Slot).Distinct().Count();
        foreach (ModelEvent e in _events.Where(e => e != called && IsReady(e)))
        {
            int siblings = _events.Count(other => other.Slot == e.Slot && other.State == ModelEventState.Added);
            e.Waited((siblings * descriptors) + descriptors);
            if (e.WaitsTooLong)
            {
                Break(LoopRule.Fair, $"event {e.Name} is ready and has waited for {e.Waits} calls of others, the last one {called.Name}");
            }
        }
    }

    /// <summary>One look or one batch, perhaps within another.</summary>
    private sealed class Run
    {
        public bool IsBatch { get; init; }

        public string Ready { get; init; } = string.Empty;

        public int LastStart { get; init; }

        public IReadOnlyList<ModelEvent> Ending { get; init; } = [];

        public int Calls { get; set; }

        public bool HasNested { get; set; }
    }
}
