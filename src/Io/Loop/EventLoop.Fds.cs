using System.Runtime.InteropServices;
using Harness.Io.Native;

namespace Harness.Io;

/// <content>Events of descriptors: who waits for what, and whose turn it is.</content>
/// <remarks>
/// A descriptor that the backend reports queues up; the one at the head is next, and its event that was called longest ago. Level-triggered readiness comes
/// again through the backend, to the end of the queue. So a ready descriptor waits for one handler of each other, and an event for as many such rounds as its
/// descriptor has events that are ready.
/// </remarks>
public sealed partial class EventLoop
{
    // No count of handler calls: what was reported then has to be confirmed in any case.
    private const long Unsure = -1;

    private Descriptor? _readyFdHead;
    private Descriptor? _readyFdTail;
    private int _readyFdCount;
    private FdEvent? _endedHead;
    private FdEvent? _endedTail;
    private long _batch;

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

    /// <summary>For backends: some of what <see cref="ILoopBackend.SetInterest"/> asked for holds.</summary>
    /// <param name="fd">The descriptor.</param>
    /// <param name="ready">What holds.</param>
    /// <param name="mayHavePassed">It held when the kernel saw it, and may have passed since: <see cref="LoopOnce"/> looks again before it tells a
    /// handler.</param>
    public void ReportReady(int fd, FdFlags ready, bool mayHavePassed = false)
    {
        Descriptor descriptor = DescriptorOf(fd);
        descriptor.Ready |= ready & descriptor.Interest;
        descriptor.ReadyAt = mayHavePassed ? Unsure : _handlersCalled;
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
        descriptor.Telling &= interest;
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
            descriptor.Telling = descriptor.Ready;
            Rewatch(descriptor);
            while (NextReadyEvent(descriptor, descriptor.Telling, batch) is { } fdEvent && IsStillItself(descriptor))
            {
                Call(descriptor, fdEvent, descriptor.Telling, batch);
            }

            descriptor.Telling = FdFlags.None;
        }
    }

    /// <summary>What was reported for <see cref="LoopOnce"/> and has not been told may no longer be so, and a batch tells what is so when it begins.</summary>
    private void ConfirmLeftReports()
    {
        for (int count = _readyFdCount; count > 0; count--)
        {
            Descriptor descriptor = Dequeue();
            Confirm(descriptor);
            if (descriptor.Ready == FdFlags.None)
            {
                Rewatch(descriptor);
            }
            else
            {
                Enqueue(descriptor);
            }
        }
    }

    private void Confirm(Descriptor descriptor)
    {
        if (descriptor.Ready != FdFlags.None && descriptor.ReadyAt != _handlersCalled)
        {
            descriptor.Ready = _backend.Confirm(descriptor.Fd, descriptor.Interest);
        }
    }

    private bool RunOneReadyFd()
    {
        while (_readyFdHead is not null)
        {
            Descriptor descriptor = Dequeue();
            Confirm(descriptor);
            FdFlags ready = descriptor.Ready;
            FdEvent? fdEvent = NextReadyEvent(descriptor, ready, ++_batch);
            if (fdEvent is not null && !IsStillItself(descriptor))
            {
                // Its events have ended, and that is told before anything else.
                return RunOneEnded();
            }

            Rewatch(descriptor);
            if (fdEvent is not null)
            {
                Call(descriptor, fdEvent, ready, _batch);
                return true;
            }
        }

        return false;
    }

    /// <summary>The event that was called longest ago, not in this batch nor in one within it, and asks for something that is ready.</summary>
    private static FdEvent? NextReadyEvent(Descriptor descriptor, FdFlags ready, long batch)
    {
        FdEvent? fdEvent = ready == FdFlags.None ? null : descriptor.Events;
        while (fdEvent is not null && ((fdEvent.Flags & ready) == 0 || fdEvent.Batch >= batch))
        {
            fdEvent = fdEvent.Next;
        }

        return fdEvent;
    }

    private void Call(Descriptor descriptor, FdEvent fdEvent, FdFlags ready, long batch)
    {
        fdEvent.Batch = batch;
        if (descriptor.Events != fdEvent || fdEvent.Next is not null)
        {
            descriptor.Remove(fdEvent);
            descriptor.Append(fdEvent);
        }

        _handlersCalled++;
        fdEvent.Handler.OnReady(fdEvent, fdEvent.Flags & ready);
    }

    /// <summary>
    /// What was reported is being told; level-triggered means that the kernel says so again if it is still so. It is asked before the handler is called, which
    /// may run the loop and wait for this same descriptor.
    /// </summary>
    private void Rewatch(Descriptor descriptor)
    {
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
