using Harness.Io;

namespace Harness.Tests;

/// <content>Steps with channels and their events.</content>
internal sealed partial class LoopProgramRunner
{
    private void DoWithChannel(LoopStep step)
    {
        if (step.Kind == LoopStepKind.Remove)
        {
            Remove(step.Slot, step.Event);
            return;
        }

        if (step.Kind == LoopStepKind.Open && _channels[step.Slot] is null)
        {
            Open(step.Slot, step.Channel);
            return;
        }

        if (_model.Usable(step.Slot) is not { } channel)
        {
            return;
        }

        switch (step.Kind)
        {
            case LoopStepKind.Add:
                Add(step, channel);
                break;
            case LoopStepKind.SetFlags:
                SetFlags(step);
                break;
            case LoopStepKind.Close:
                Close(step.Slot);
                break;
            case LoopStepKind.Reuse:
                CloseAndOpen(step, heard: true);
                break;
            case LoopStepKind.RawClose:
                CloseAndOpen(step, heard: !_hearsRawClose || _model.IsInBatch);
                break;
            default:
                Move(step.Kind, channel, _channels[step.Slot]!);
                _model.Changed();
                break;
        }
    }

    private void Open(int slot, LoopChannelKind kind)
    {
        var channel = new LoopChannel(kind);
        _channels[slot] = channel;
        _model.Channels[slot] = new ModelChannel(kind, channel.Fd);
    }

    private void Add(LoopStep step, ModelChannel channel)
    {
        ModelEvent e = _model.Event(step.Slot, step.Event);
        if (e.State != ModelEventState.Idle)
        {
            return;
        }

        _loop.AddFd(EventOf(step), channel.Fd, step.Flags);
        NoticeStale();
        if (_model.Events.FirstOrDefault(old => old.State == ModelEventState.Stale && old.Fd == channel.Fd && old.Flags != FdFlags.None) is { } stale)
        {
            _model.Break(LoopRule.NoStranger, $"event {stale.Name} is still added, for descriptor {channel.Fd}, which is another file now");
        }

        _model.Added(e, channel.Fd, step.Flags, step.Script);
    }

    private void SetFlags(LoopStep step)
    {
        ModelEvent e = _model.Event(step.Slot, step.Event);
        if (e.State == ModelEventState.Added)
        {
            _loop.SetFlags(EventOf(step), step.Flags);
            _model.FlagsSet(e, step.Flags);
        }
    }

    private void Remove(int slot, int index)
    {
        _loop.RemoveFd(_events[(slot * LoopModel.EventsPerSlot) + index]);
        _model.Removed(_model.Event(slot, index));
    }

    private void Close(int slot)
    {
        if (_model.Usable(slot) is { } channel)
        {
            _loop.Close(new IoOperation(new ClosedSlot(this, slot)), channel.Fd);
            _model.Closing(channel);
        }
    }

    /// <summary>close(2) by hand, of a descriptor whose events are removed first, or are not; then the number stands for another file, as a rule.</summary>
    private void CloseAndOpen(LoopStep step, bool heard)
    {
        for (int index = 0; heard && index < LoopModel.EventsPerSlot; index++)
        {
            Remove(step.Slot, index);
        }

        LoopChannel old = _channels[step.Slot]!;
        Sockets.CloseUnused(old.Fd);
        Open(step.Slot, step.Channel);
        old.ClosePeer();
        _model.ClosedUnheard(step.Slot);
    }

    private static void Move(LoopStepKind kind, ModelChannel channel, LoopChannel real)
    {
        switch (kind)
        {
            case LoopStepKind.PeerWrite when channel.CanPeerWrite:
                real.PeerWrite();
                channel.PeerWrote();
                break;
            case LoopStepKind.PeerWrite when channel.CanPeerDrain:
                real.PeerDrain();
                channel.WasDrained();
                break;
            case LoopStepKind.Read when channel.CanRead:
                real.Read();
                channel.WasRead();
                break;
            case LoopStepKind.Read when channel.CanFill:
                real.Fill();
                channel.WasFilled();
                break;
            case LoopStepKind.PeerShut when channel.CanPeerShut:
                real.PeerShut();
                channel.PeerShut();
                break;
            case LoopStepKind.PeerClose when channel.IsPeerOpen:
                real.ClosePeer();
                channel.PeerClosed();
                break;
            default:
                break;
        }
    }

    private FdEvent EventOf(LoopStep step) => _events[(step.Slot * LoopModel.EventsPerSlot) + step.Event];
}
