using Harness.Io.Native;

namespace Harness.Io;

/// <summary>
/// What the backends with an epoll set share: the kernel keeps the list, see epoll(7), and forgets a descriptor by itself when its file is closed for good. For
/// operations a descriptor is registered once, edge-triggered, for reading; interest in writing is added only while a send found the socket full, because a
/// registration for writing wakes the loop each time the peer reads. For events it is registered level-triggered, for what they ask.
/// </summary>
internal abstract class EpollReadiness : ReadinessBackend
{
    private const uint ReadEvents = Epoll.EPOLLIN | Epoll.EPOLLRDHUP | Epoll.EPOLLET;

    // What epoll refuses, such as a regular file, is always ready as poll(2) has it.
    private readonly List<Watch> _alwaysReady = [];
    private readonly uint _eventMode;

    /// <param name="edge">Events are edge-triggered: handlers must take all that there is, or hear no more of it. Only the pipe test measures that.</param>
    protected EpollReadiness(bool edge = false)
    {
        Set = new EpollSet(Calls);
        _eventMode = edge ? Epoll.EPOLLET : 0;
    }

    public override ForeignClose OnForeignClose => ForeignClose.Forgotten;

    protected EpollSet Set { get; }

    protected bool HasAlwaysReady => _alwaysReady.Count > 0;

    public override void SetInterest(int fd, FdFlags interest)
    {
        Watch watch = WatchOf(fd);
        if (watch.Interest == FdFlags.None)
        {
            // What operations knew of the descriptor ends here; afterwards they try before they arm.
            watch.MayRead = true;
        }

        watch.Interest = interest;
        _ = _alwaysReady.Remove(watch);
        if (interest == FdFlags.None)
        {
            Remove(watch);
            return;
        }

        uint events = FdReadiness.ToEpoll(interest) | _eventMode;
        bool wasKnown = watch.Armed != 0;
        int result = Set.Control(!wasKnown ? Epoll.EPOLL_CTL_ADD : Epoll.EPOLL_CTL_MOD, fd, events);
        if (result == -Errno.EEXIST)
        {
            result = Set.Control(Epoll.EPOLL_CTL_MOD, fd, events);
        }

        watch.Armed = result == 0 ? events : 0;
        if (result == -Errno.EPERM && !wasKnown)
        {
            _alwaysReady.Add(watch);
        }
        else if (result != 0)
        {
            // The descriptor has been closed by somebody else, and its number may stand for another file by now, which epoll may refuse.
            watch.Interest = FdFlags.None;
            Loop.ReportEnded(fd, result is -Errno.ENOENT or -Errno.EPERM ? -Errno.EBADF : result);
        }
    }

    // The kernel's list is level-triggered and turns round by itself.
    public override void Rewatch(int fd)
    {
    }

    // Only the kernel's list knows whether the descriptor still is the one that was registered.
    public override FdFlags Confirm(int fd, FdFlags interest) => FdFlags.None;

    public override bool StillWatches(int fd)
    {
        Watch watch = WatchOf(fd);
        if (watch.Armed == 0 || Set.Control(Epoll.EPOLL_CTL_MOD, fd, watch.Armed) == 0)
        {
            return true;
        }

        watch.Armed = 0;
        return false;
    }

    public override bool Quiesce(int fd)
    {
        Remove(WatchOf(fd));
        return true;
    }

    public override void Dispose()
    {
        base.Dispose();
        Set.Dispose();
    }

    /// <summary>Reports what a wait has brought.</summary>
    protected void Report(int count)
    {
        for (int i = 0; i < count; i++)
        {
            (uint events, int fd) = Set[i];
            if (!IsOwn(fd))
            {
                Report(WatchOf(fd), events);
            }
        }

        foreach (Watch watch in _alwaysReady)
        {
            Loop.ReportReady(watch.Fd, watch.Interest);
        }
    }

    /// <summary>Whether an event is of a descriptor of the backend's own, which it deals with here.</summary>
    protected abstract bool IsOwn(int fd);

    protected override void ArmRead(Watch watch)
    {
        if (watch.Armed == 0)
        {
            Rearm(watch, ReadEvents);
        }
    }

    protected override void ArmWrite(Watch watch)
    {
        // A registration that is there already tells of the next edge. Modifying it would report at once whatever state lasts, such as the
        // end of what the peer sends, and keep the loop awake for nothing.
        if ((watch.Armed & Epoll.EPOLLOUT) == 0)
        {
            Rearm(watch, ReadEvents | Epoll.EPOLLOUT);
        }
    }

    // The registration stays: an edge that nobody waits for is remembered in MayRead.
    protected override void DisarmRead(Watch watch)
    {
    }

    // The registration stays until it wakes the loop for nothing once: a socket that was full is likely to be full again.
    protected override void DisarmWrite(Watch watch)
    {
    }

    private void Report(Watch watch, uint events)
    {
        if (watch.Interest != FdFlags.None)
        {
            Loop.ReportReady(watch.Fd, FdReadiness.FromEpoll(events));
            return;
        }

        bool writable = (events & Epoll.EPOLLOUT) != 0;
        if (writable && watch.Writer is null)
        {
            Rearm(watch, ReadEvents);
        }

        bool hungUp = (events & (Epoll.EPOLLHUP | Epoll.EPOLLERR)) != 0;
        OnReady(watch, (events & Epoll.EPOLLIN) != 0, writable, (events & Epoll.EPOLLRDHUP) != 0, hungUp);
    }

    private void Rearm(Watch watch, uint events)
    {
        int result = Set.Control(watch.Armed == 0 ? Epoll.EPOLL_CTL_ADD : Epoll.EPOLL_CTL_MOD, watch.Fd, events);
        if (result < 0)
        {
            throw new IoException($"cannot watch descriptor {watch.Fd} with epoll", -result);
        }

        watch.Armed = events;
    }

    private void Remove(Watch watch)
    {
        if (watch.Armed != 0)
        {
            // Closing would remove it too, but only if nobody else holds the same open file. Where it is gone already, nothing is left to do.
            Set.Control(Epoll.EPOLL_CTL_DEL, watch.Fd, 0);
            watch.Armed = 0;
        }
    }
}
