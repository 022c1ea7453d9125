using System.Runtime.InteropServices;
using Harness.Io.Native;

namespace Harness.Io;

/// <summary>
/// <c>epoll</c>: the kernel keeps the list, see epoll(7). A descriptor is registered once, edge-triggered, for reading; interest in writing is added
/// only while a send found the socket full, because a registration for writing wakes the loop each time the peer reads.
/// </summary>
internal sealed unsafe class EpollBackend : ReadinessBackend
{
    private const int MaxEvents = 256;
    private const uint ReadEvents = Epoll.EPOLLIN | Epoll.EPOLLRDHUP | Epoll.EPOLLET;

    private readonly int _epoll;
    private byte* _events;
    private bool _hasPwait2 = true;

    public EpollBackend()
    {
        _epoll = Epoll.epoll_create1(Epoll.EPOLL_CLOEXEC);
        if (_epoll < 0)
        {
            throw new IoException("cannot make an epoll set", Marshal.GetLastSystemError());
        }

        _events = (byte*)NativeMemory.Alloc((nuint)(MaxEvents * Epoll.Layout.Size));
        Control(Epoll.EPOLL_CTL_ADD, WakeUp.Fd, Epoll.EPOLLIN);
    }

    public override string Name => "epoll";

    public override bool Quiesce(int fd)
    {
        if (WatchOf(fd).Armed != 0)
        {
            // Closing would remove it too, but only if nobody else holds the same open file.
            Control(Epoll.EPOLL_CTL_DEL, fd, 0);
        }

        return true;
    }

    public override void Wait(long timeoutNs)
    {
        int count = WaitOnce(timeoutNs);
        for (int i = 0; i < count; i++)
        {
            byte* at = _events + (i * Epoll.Layout.Size);
            uint events = *(uint*)at;
            int fd = *(int*)(at + Epoll.Layout.DataOffset);
            if (fd == WakeUp.Fd)
            {
                WakeUp.Clear();
                Calls.Count(SystemCall.read);
                continue;
            }

            Watch watch = WatchOf(fd);
            bool writable = (events & Epoll.EPOLLOUT) != 0;
            if (writable && watch.Writer is null)
            {
                Rearm(watch, ReadEvents);
            }

            bool hungUp = (events & (Epoll.EPOLLHUP | Epoll.EPOLLERR)) != 0;
            OnReady(watch, (events & Epoll.EPOLLIN) != 0, writable, (events & Epoll.EPOLLRDHUP) != 0, hungUp);
        }
    }

    public override void Dispose()
    {
        base.Dispose();
        Unistd.close(_epoll);
        NativeMemory.Free(_events);
        _events = null;
    }

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

    private int WaitOnce(long timeoutNs)
    {
        if (timeoutNs <= 0)
        {
            Calls.Count(SystemCall.epoll_wait);
            return Epoll.epoll_wait(_epoll, _events, MaxEvents, timeoutNs < 0 ? -1 : 0);
        }

        if (_hasPwait2)
        {
            Poll.timespec timeout = Poll.timespec.FromNs(timeoutNs);
            Calls.Count(SystemCall.epoll_pwait2);
            int count = Epoll.epoll_pwait2(_epoll, _events, MaxEvents, &timeout, null);
            if (count >= 0 || Marshal.GetLastSystemError() != Errno.ENOSYS)
            {
                return count;
            }

            _hasPwait2 = false;
        }

        // Before Linux 5.11 a timeout has milliseconds; rounded up, so that no timer is early.
        Calls.Count(SystemCall.epoll_wait);
        return Epoll.epoll_wait(_epoll, _events, MaxEvents, (int)Math.Min(int.MaxValue, (timeoutNs + 999_999) / 1_000_000));
    }

    private void Rearm(Watch watch, uint events)
    {
        Control(watch.Armed == 0 ? Epoll.EPOLL_CTL_ADD : Epoll.EPOLL_CTL_MOD, watch.Fd, events);
        watch.Armed = events;
    }

    private void Control(int what, int fd, uint events)
    {
        byte* argument = stackalloc byte[16];
        *(uint*)argument = events;
        *(long*)(argument + Epoll.Layout.DataOffset) = fd;
        Calls.Count(SystemCall.epoll_ctl);
        if (Epoll.epoll_ctl(_epoll, what, fd, argument) < 0 && what != Epoll.EPOLL_CTL_DEL)
        {
            throw new IoException($"cannot watch descriptor {fd} with epoll", Marshal.GetLastSystemError());
        }
    }
}
