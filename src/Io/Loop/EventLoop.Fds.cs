using System.Runtime.InteropServices;
using Harness.Io.Native;

namespace Harness.Io;

/// <content>Events of descriptors: who waits for what, and whose turn it is.</content>
/// <remarks>
/// A descriptor that the backend reports queues up; the one at the head is next, and its event that was called longest ago. Level-triggered readiness comes
/// again through the backend, to the end of the queue. So no event waits for more handlers than there are events that are ready.
/// </remarks>
public sealed partial class EventLoop
{
    private Descriptor? _readyFdHead;
    private Descriptor? _readyFdTail;
    private int _readyFdCount;
    private FdEvent? _endedHead;
    private FdEvent? _endedTail;
    private long _batch;

    // The descriptor whose handler is running, until that handler runs the loop.
    private Descriptor? _calling;

    /// <summary>Starts watching a descriptor. It may have several events, but not operations at the same time.</summary>
    /// <param name="fdEvent">The event; not added at present.</param>
    /// <param name="fd">The descriptor.</param>
    /// <param name="flags">What the handler is to be told of; None to be set later.</param>
    /// <exception cref="IoException">EBADF: there is no such descriptor.</exception>
    /// <exception cref="InvalidOperationException">The event is added already, or the descriptor has operations in flight or is being closed.</exception>
    public void AddFd(FdEvent fdEvent, int fd, FdFlags flags)
    {
        if (fdEvent.IsAdded)
        {
            throw new InvalidOperationException($"the event is added already, for descriptor {fdEvent.Fd}; remove it first");
        }

        // Each backend would find out at another time, and poll(2) not at all for a negative number.
        if (Unistd.fcntl(fd, Unistd.F_GETFD, 0) < 0)
        {
            throw new IoException($"cannot watch descriptor {fd}", Marshal.GetLastSystemError());
        }

        _counters.Count(SystemCall.fcntl);
        Descriptor descriptor = DescriptorOf(fd);
        if (descriptor.Head is not null || descriptor.Closing is not null)
        {
            throw new InvalidOperationException($"descriptor {fd} {(descriptor.Closing is null ? "has operations in flight" : "is being closed")}; it takes no events");
        }

        if (descriptor.Events is not null && IsStillItself(descriptor) && !_backend.StillWatches(fd))
        {
            EndEvents(descriptor, -Errno.EBADF);
        }

        if (descriptor.Events is null)
        {
            Remember(descriptor);
        }

        ContinueCloseAfter(fdEvent);
        fdEvent.Loop = this;
        fdEvent.Fd = fd;
        fdEvent.Flags = flags;
        descriptor.Append(fdEvent);
        UpdateInterest(descriptor);
    }

    /// <summary>Changes what an event waits for; from its own handler too.</summary>
    /// <exception cref="InvalidOperationException">The event is not added to this loop.</exception>
    public void SetFlags(FdEvent fdEvent, FdFlags flags)
    {
        if (fdEvent.Loop != this)
        {
            throw new InvalidOperationException("the event is not added to this loop");
        }

        fdEvent.Flags = flags;
        Descriptor descriptor = DescriptorOf(fdEvent.Fd);
        if (IsStillItself(descriptor))
        {
            UpdateInterest(descriptor);
        }
    }

    /// <summary>Stops watching; the handler will not be called any more, and the event may be added again. Harmless where it is not added.</summary>
    public void RemoveFd(FdEvent fdEvent)
    {
        ContinueCloseAfter(fdEvent);
        if (fdEvent.Loop == this)
        {
            Descriptor descriptor = DescriptorOf(fdEvent.Fd);
            descriptor.Remove(fdEvent);
            fdEvent.Loop = null;
            UpdateInterest(descriptor);
        }
    }

    /// <summary>For backends: some of what <see cref="ILoopBackend.SetInterest"/> asked for holds now.</summary>
    public void ReportReady(int fd, FdFlags ready)
    {
        Descriptor descriptor = DescriptorOf(fd);
        descriptor.Ready |= ready & descriptor.Interest;
        descriptor.ReadyAt = _handlersCalled;
        if (!descriptor.IsQueued && descriptor.Ready != FdFlags.None)
        {
            Enqueue(descriptor);
        }
    }

    /// <summary>For backends: the descriptor cannot be watched any more; the backend has stopped that.</summary>
    /// <param name="fd">The descriptor.</param>
    /// <param name="error">Minus errno.</param>
    public void ReportEnded(int fd, int error) => EndEvents(DescriptorOf(fd), error);

    private void EndEvents(Descriptor descriptor, int error)
    {
        while (descriptor.Events is { } fdEvent)
        {
            descriptor.Remove(fdEvent);
            fdEvent.Loop = null;
            fdEvent.EndError = error;
            fdEvent.NextEnded = null;
            _ = _endedTail is null ? _endedHead = fdEvent : _endedTail.NextEnded = fdEvent;
            _endedTail = fdEvent;
            descriptor.EventsEnding++;
        }

        UpdateInterest(descriptor);
    }

    private void UpdateInterest(Descriptor descriptor)
    {
        FdFlags interest = FdFlags.None;
        for (FdEvent? fdEvent = descriptor.Events; fdEvent is not null; fdEvent = fdEvent.Next)
        {
            interest |= fdEvent.Flags;
        }

        descriptor.Ready &= interest;
        if (descriptor.Events is null)
        {
            Forget(descriptor);
        }

        if (interest != descriptor.Interest)
        {
            descriptor.Interest = interest;
            _backend.SetInterest(descriptor.Fd, interest);
        }
    }

    private void RunReadyFds()
    {
        _batch++;
        long batch = _batch;
        for (int count = _readyFdCount; count > 0 && _readyFdHead is not null; count--)
        {
            Descriptor descriptor = Dequeue();
            while (NextReadyEvent(descriptor, batch) is { } fdEvent && IsStillItself(descriptor))
            {
                Call(descriptor, fdEvent, batch);
            }

            Rewatch(descriptor);
        }
    }

    private bool RunOneReadyFd()
    {
        while (_readyFdHead is not null)
        {
            Descriptor descriptor = Dequeue();

            // A ring's poll says what held when it was woken, which may be before the last handler: somebody may have taken it since.
            if (descriptor.Ready != FdFlags.None && (descriptor.ReadyAt != _handlersCalled || _backend.OnForeignClose == ForeignClose.HeldOpen))
            {
                descriptor.Ready = _backend.Confirm(descriptor.Fd, descriptor.Ready) & descriptor.Interest;
            }

            FdEvent? fdEvent = NextReadyEvent(descriptor, ++_batch);
            if (fdEvent is not null && !IsStillItself(descriptor))
            {
                // Its events have ended, and that is told before anything else.
                return RunOneEnded();
            }

            if (fdEvent is not null)
            {
                Call(descriptor, fdEvent, _batch);
            }

            Rewatch(descriptor);
            if (fdEvent is not null)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>The event that was called longest ago, not in this batch, and asks for something that is ready.</summary>
    private static FdEvent? NextReadyEvent(Descriptor descriptor, long batch)
    {
        FdEvent? fdEvent = descriptor.Ready == FdFlags.None ? null : descriptor.Events;
        while (fdEvent is not null && ((fdEvent.Flags & descriptor.Ready) == 0 || fdEvent.Batch == batch))
        {
            fdEvent = fdEvent.Next;
        }

        return fdEvent;
    }

    private void Call(Descriptor descriptor, FdEvent fdEvent, long batch)
    {
        fdEvent.Batch = batch;
        if (descriptor.Events != fdEvent || fdEvent.Next is not null)
        {
            descriptor.Remove(fdEvent);
            descriptor.Append(fdEvent);
        }

        _handlersCalled++;
        Descriptor? outer = _calling;
        _calling = descriptor;
        fdEvent.Handler.OnReady(fdEvent, fdEvent.Flags & descriptor.Ready);
        _calling = outer;
    }

    /// <summary>A handler waits within the loop: it may be for the descriptor that it was called for, which a one-shot poll would not tell of any more.</summary>
    private void RewatchCalling()
    {
        if (_calling is { } descriptor)
        {
            _calling = null;
            Rewatch(descriptor);
        }
    }

    /// <summary>What was reported has been told; level-triggered means that the kernel says so again if it is still so.</summary>
    private void Rewatch(Descriptor descriptor)
    {
        if (descriptor.IsQueued)
        {
            // A handler ran the loop, and there is news.
            return;
        }

        descriptor.Ready = FdFlags.None;
        if (descriptor.Interest != FdFlags.None)
        {
            _backend.Rewatch(descriptor.Fd);
        }
    }

    private void RunEnded()
    {
        while (RunOneEnded())
        {
        }
    }

    private bool RunOneEnded()
    {
        if (_endedHead is not { } fdEvent)
        {
            return false;
        }

        int fd = fdEvent.Fd;
        int error = fdEvent.EndError;
        _ = ForgetEnded(fdEvent);
        _handlersCalled++;
        fdEvent.Handler.OnEnded(fdEvent, error);
        ContinueClose(fd);
        return true;
    }

    /// <summary>The event need not be told of its end any more, and a close that waited for that goes on.</summary>
    private void ContinueCloseAfter(FdEvent fdEvent)
    {
        if (ForgetEnded(fdEvent))
        {
            ContinueClose(fdEvent.Fd);
        }
    }

    /// <summary>Takes an event from the list of those that have ended and have not been told; false where it is not in it.</summary>
    private bool ForgetEnded(FdEvent fdEvent)
    {
        FdEvent? before = null;
        for (FdEvent? ended = _endedHead; ended is not null; before = ended, ended = ended.NextEnded)
        {
            if (ended == fdEvent)
            {
                _ = before is null ? _endedHead = ended.NextEnded : before.NextEnded = ended.NextEnded;
                _endedTail = _endedTail == ended ? before : _endedTail;
                ended.NextEnded = null;
                DescriptorOf(ended.Fd).EventsEnding--;
                return true;
            }
        }

        return false;
    }

    private void Enqueue(Descriptor descriptor)
    {
        descriptor.IsQueued = true;
        descriptor.NextReady = null;
        _ = _readyFdTail is null ? _readyFdHead = descriptor : _readyFdTail.NextReady = descriptor;
        _readyFdTail = descriptor;
        _readyFdCount++;
    }

    private Descriptor Dequeue()
    {
        Descriptor descriptor = _readyFdHead!;
        _readyFdHead = descriptor.NextReady;
        _readyFdTail = _readyFdHead is null ? null : _readyFdTail;
        descriptor.NextReady = null;
        descriptor.IsQueued = false;
        _readyFdCount--;
        return descriptor;
    }
}
