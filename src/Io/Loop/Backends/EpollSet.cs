using System.Runtime.InteropServices;
using Harness.Io.Native;

namespace Harness.Io;

/// <summary>An epoll set, see epoll(7), with room for what one epoll_wait(2) brings.</summary>
internal sealed unsafe class EpollSet : IDisposable
{
    public const int MaxEvents = 256;

    private readonly LoopCounters _counters;
    private byte* _events;
    private bool _hasPwait2 = true;

    public EpollSet(LoopCounters counters)
    {
        _counters = counters;
        Fd = Epoll.epoll_create1(Epoll.EPOLL_CLOEXEC);
        if (Fd < 0)
        {
            throw new IoException("cannot make an epoll set", Marshal.GetLastSystemError());
        }

        _events = (byte*)NativeMemory.Alloc((nuint)(MaxEvents * Epoll.Layout.Size));
    }

    public int Fd { get; }

    /// <summary>Where the events are, for a ring that waits in our place.</summary>
    public nint Events => (nint)_events;

    /// <summary>One of the events that the last wait brought: what happened, and to which descriptor.</summary>
    public (uint Events, int Fd) this[int index]
    {
        get
        {
            byte* at = _events + (index * Epoll.Layout.Size);
            return (*(uint*)at, *(int*)(at + Epoll.Layout.DataOffset));
        }
    }

    /// <summary>epoll_ctl(2); returns 0 or minus errno.</summary>
    public int Control(int what, int fd, uint events)
    {
        byte* argument = stackalloc byte[16];
        *(uint*)argument = events;
        *(long*)(argument + Epoll.Layout.DataOffset) = fd;
        _counters.Count(SystemCall.epoll_ctl);
        return Epoll.epoll_ctl(Fd, what, fd, argument) < 0 ? -Marshal.GetLastSystemError() : 0;
    }

    /// <summary>epoll_wait(2), with a timeout in nanoseconds where the kernel takes one. Returns the number of events, 0 also where a signal came.</summary>
    public int Wait(long timeoutNs, int maxEvents)
    {
        maxEvents = Math.Min(maxEvents, MaxEvents);
        if (timeoutNs <= 0)
        {
            _counters.Count(SystemCall.epoll_wait);
            return Math.Max(0, Epoll.epoll_wait(Fd, _events, maxEvents, timeoutNs < 0 ? -1 : 0));
        }

        if (_hasPwait2)
        {
            Poll.timespec timeout = Poll.timespec.FromNs(timeoutNs);
            _counters.Count(SystemCall.epoll_pwait2);
            int count = Epoll.epoll_pwait2(Fd, _events, maxEvents, &timeout, null);
            if (count >= 0 || Marshal.GetLastSystemError() != Errno.ENOSYS)
            {
                return Math.Max(0, count);
            }

            _hasPwait2 = false;
        }

        // Before Linux 5.11 a timeout has milliseconds; rounded up, so that no timer is early.
        _counters.Count(SystemCall.epoll_wait);
        return Math.Max(0, Epoll.epoll_wait(Fd, _events, maxEvents, (int)Math.Min(int.MaxValue, ((timeoutNs - 1) / 1_000_000) + 1)));
    }

    public void Dispose()
    {
        Unistd.close(Fd);
        NativeMemory.Free(_events);
        _events = null;
    }
}
