using Harness.Io;

namespace Harness.Tests;

/// <summary>Does what a program says, to a loop and to the model, and throws where they differ.</summary>
internal sealed partial class LoopProgramRunner
{
    private const int MaxDepth = 3;

    // Handlers that schedule one another would go on for ever.
    private const int MaxCalls = 2000;

    private readonly LoopUnderTest _loop;
    private readonly bool _hearsRawClose;
    private readonly LoopModel _model;
    private readonly LoopCounters _ignored = new();
    private readonly LoopChannel?[] _channels = new LoopChannel?[LoopModel.SlotCount];
    private readonly FdEvent[] _events;
    private readonly IReadOnlyList<LoopStep>[] _immediateScripts = [.. Enumerable.Repeat(Array.Empty<LoopStep>(), LoopModel.ImmediateCount)];
    private readonly IReadOnlyList<LoopStep>[] _timerScripts = [.. Enumerable.Repeat(Array.Empty<LoopStep>(), LoopModel.TimerCount)];
    private readonly ImmediateEvent[] _immediates;
    private readonly LoopTimer[] _timers;
    private int _calls;
    private bool _ending;

    private LoopProgramRunner(LoopUnderTest loop, LoopTraits traits)
    {
        _loop = loop;
        _model = new LoopModel(traits);
        _hearsRawClose = traits.HearsRawClose;
        _events = [.. _model.Events.Select(e => new FdEvent(_loop.Handler(new ScriptedFd(this, e))))];
        _immediates = [.. Enumerable.Range(0, LoopModel.ImmediateCount).Select(i => new ImmediateEvent(new ScriptedImmediate(this, i)))];
        _timers = [.. Enumerable.Range(0, LoopModel.TimerCount).Select(i => new LoopTimer(new ScriptedTimer(this, i)))];
    }

    /// <summary>Runs a program on a loop of its own.</summary>
    /// <param name="program">The program.</param>
    /// <param name="make">Makes the loop.</param>
    /// <param name="traits">What is known of the backend.</param>
    /// <exception cref="LoopRuleBrokenException">The loop does not do what the model says.</exception>
    public static void Run(LoopProgram program, Func<LoopUnderTest> make, LoopTraits traits)
    {
        using LoopUnderTest loop = make();
        var runner = new LoopProgramRunner(loop, traits);
        try
        {
            foreach (LoopStep step in program.Steps)
            {
                runner.Do(step);
                runner.ThrowIfBroken();
            }

            runner.CloseEverything();
        }
        finally
        {
            foreach (LoopChannel channel in runner._channels.OfType<LoopChannel>())
            {
                channel.ClosePeer();
                Sockets.CloseUnused(channel.Fd);
            }
        }
    }

    private void ThrowIfBroken()
    {
        if (_model.Broken is { } broken)
        {
            throw broken;
        }
    }

    /// <summary>What is left ends, and then the loop has nothing to say.</summary>
    private void CloseEverything()
    {
        _ending = true;
        for (int slot = 0; slot < LoopModel.SlotCount; slot++)
        {
            Close(slot);
        }

        while (_model.WhatIsReady.Length > 0)
        {
            Look(sleeps: false);
            ThrowIfBroken();
        }

        Look(sleeps: false);
        ThrowIfBroken();
        Assert.Equal(0, _loop.Loop.PendingOperations);
    }

    private void Do(LoopStep step)
    {
        if (_model.Broken is not null)
        {
            return;
        }

        switch (step.Kind)
        {
            case LoopStepKind.Schedule:
                Schedule(step);
                break;
            case LoopStepKind.Cancel:
                _loop.Cancel(_immediates[step.Slot]);
                _model.Cancelled(step.Slot);
                break;
            case LoopStepKind.StartTimer:
                StartTimer(step);
                break;
            case LoopStepKind.StopTimer:
                _loop.StopTimer(_timers[step.Slot]);
                _model.Stopped(step.Slot);
                break;
            case LoopStepKind.LoopOnce:
                for (int i = 0; i < step.Count && _model.Broken is null; i++)
                {
                    Look(sleeps: false);
                }

                break;
            case LoopStepKind.WaitOnce:
                Look(sleeps: true);
                break;
            case LoopStepKind.RunOnce:
                Batch();
                break;
            default:
                DoWithChannel(step);
                break;
        }

        NoticeStale();
    }

    private void Schedule(LoopStep step)
    {
        _immediateScripts[step.Slot] = step.Script;
        _loop.Schedule(_immediates[step.Slot]);
        _model.Scheduled(step.Slot);
    }

    private void StartTimer(LoopStep step)
    {
        _timerScripts[step.Slot] = step.Script;
        _loop.StartTimer(_timers[step.Slot]);
        _model.Started(step.Slot);
    }

    private void Look(bool sleeps)
    {
        if (_model.Depth >= MaxDepth)
        {
            return;
        }

        _model.CheckItself(_ignored);
        _model.BeginLook();
        _model.EndLook(sleeps && _model.WhatIsReady.Length > 0 ? _loop.WaitOnce() : _loop.LoopOnce());
    }

    private void Batch()
    {
        _model.CheckItself(_ignored);
        _model.BeginBatch();
        _loop.RunOnce(mayWait: _model.WhatIsReady.Length > 0);
        _model.EndBatch();
    }

    /// <summary>Whether the loop finds out about a file that is gone is its own affair; that it then says so once is a rule.</summary>
    private void NoticeStale()
    {
        for (int i = 0; i < _events.Length; i++)
        {
            if (_model.Events[i].State == ModelEventState.Stale && !_events[i].IsAdded)
            {
                _model.FoundStale(_model.Events[i]);
            }
        }
    }

    private void Handle(IReadOnlyList<LoopStep> script)
    {
        if (_ending || ++_calls > MaxCalls)
        {
            return;
        }

        foreach (LoopStep step in script)
        {
            Do(step);
        }
    }

    private sealed class ScriptedFd(LoopProgramRunner runner, ModelEvent e) : IFdHandler
    {
        public void OnReady(FdEvent fdEvent, FdFlags ready)
        {
            runner.NoticeStale();
            runner._model.ReadyCalled(e, ready);
            runner.Handle(e.Script);
        }

        public void OnEnded(FdEvent fdEvent, int error)
        {
            runner.NoticeStale();
            int fd = e.Fd;
            runner._model.EndCalled(e, error);
            runner.Handle(e.Script);
            runner._model.EndReturned(fd);
        }
    }

    private sealed class ScriptedImmediate(LoopProgramRunner runner, int which) : IImmediateHandler
    {
        public void OnImmediate(ImmediateEvent immediate)
        {
            runner._model.ImmediateCalled(which);
            runner.Handle(runner._immediateScripts[which]);
        }
    }

    private sealed class ScriptedTimer(LoopProgramRunner runner, int which) : ITimerHandler
    {
        public void OnTimer(LoopTimer timer)
        {
            runner._model.TimerCalled(which);
            runner.Handle(runner._timerScripts[which]);
        }
    }

    private sealed class ClosedSlot(LoopProgramRunner runner, int slot) : IIoHandler
    {
        public void OnCompleted(IoOperation operation, int result)
        {
            runner._model.CloseCalled(slot, result);
            runner._channels[slot]?.ClosePeer();
            runner._channels[slot] = null;
        }
    }
}
