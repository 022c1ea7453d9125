using System.Runtime.InteropServices;
using Harness.Io.Native;

namespace Harness.Io;

/// <summary>
/// <c>poll</c>: the whole list of descriptors goes to the kernel at each call, see poll(2). The list holds exactly those that something waits for,
/// packed, so arming is a memory write and the cost lies in the length of the list.
/// </summary>
internal unsafe class PollBackend : ReadinessBackend
{
    private Poll.pollfd* _list;
    private Watch[] _listed = new Watch[64];
    private int _count;

    public PollBackend()
    {
        _list = (Poll.pollfd*)NativeMemory.Alloc((nuint)(_listed.Length * sizeof(Poll.pollfd)));
        _list[0] = new Poll.pollfd { fd = WakeUp.Fd, events = Poll.POLLIN };
        _count = 1;
    }

    public override string Name => "poll";

    public override ForeignClose OnForeignClose => ForeignClose.Unnoticed;

    public override void SetInterest(int fd, FdFlags interest)
    {
        Watch watch = WatchOf(fd);
        if (watch.Interest == FdFlags.None)
        {
            // What operations knew of the descriptor ends here; afterwards they try before they arm.
            watch.MayRead = true;
        }

        watch.Interest = interest;
        if (interest == FdFlags.None)
        {
            Remove(watch);
            return;
        }

        if (watch.Index < 0)
        {
            Add(watch);
        }

        _list[watch.Index].events = (short)FdReadiness.ToPoll(interest);
    }

    // The list says it again by itself.
    public override void Rewatch(int fd)
    {
    }

    public override FdFlags Confirm(int fd, FdFlags interest) => FdReadiness.Now(fd, interest, Calls);

    public override bool Quiesce(int fd)
    {
        Remove(WatchOf(fd));
        return true;
    }

    public override void Wait(long timeoutNs, int maxEvents)
    {
        Poll.timespec timeout = Poll.timespec.FromNs(Math.Max(0, timeoutNs));
        int ready = Poll.ppoll(_list, (ulong)_count, timeoutNs < 0 ? null : &timeout, null);
        Calls.Count(SystemCall.ppoll);

        // Backwards, because an operation that ends may leave the list, and the last one then takes its place.
        for (int i = _count - 1; i >= 0 && ready > 0; i--)
        {
            short events = _list[i].revents;
            if (events == 0)
            {
                continue;
            }

            ready--;
            if (i == 0)
            {
                WakeUp.Clear();
                Calls.Count(SystemCall.read);
            }
            else
            {
                Tell(_listed[i], events);
            }
        }
    }

    public override void Dispose()
    {
        base.Dispose();
        NativeMemory.Free(_list);
        _list = null;
    }

    /// <summary>How many entries the list has; the first is the wake-up's.</summary>
    protected int Count => _count;

    /// <summary>An entry of the list.</summary>
    protected ref Poll.pollfd EntryAt(int index) => ref _list[index];

    /// <summary>What poll(2) has found on a listed descriptor.</summary>
    protected void Tell(Watch watch, short events)
    {
        if (watch.Interest != FdFlags.None)
        {
            Report(watch.Fd, events);
        }
        else
        {
            bool hungUp = (events & (Poll.POLLHUP | Poll.POLLERR | Poll.POLLNVAL)) != 0;
            OnReady(watch, (events & Poll.POLLIN) != 0, (events & Poll.POLLOUT) != 0, (events & Poll.POLLRDHUP) != 0, hungUp);
        }
    }

    protected override void ArmRead(Watch watch) => Arm(watch, Poll.POLLIN | Poll.POLLRDHUP);

    protected override void ArmWrite(Watch watch) => Arm(watch, Poll.POLLOUT);

    protected override void DisarmRead(Watch watch) => Disarm(watch, Poll.POLLIN | Poll.POLLRDHUP);

    protected override void DisarmWrite(Watch watch) => Disarm(watch, Poll.POLLOUT);

    private void Report(int fd, short events)
    {
        if ((events & Poll.POLLNVAL) != 0)
        {
            Loop.ReportEnded(fd, -Errno.EBADF);
        }
        else
        {
            Loop.ReportReady(fd, FdReadiness.FromPoll(events));
        }
    }

    private void Arm(Watch watch, int events)
    {
        if (watch.Index < 0)
        {
            Add(watch);
        }

        _list[watch.Index].events |= (short)events;
    }

    private void Disarm(Watch watch, int events)
    {
        if (watch.Index < 0)
        {
            return;
        }

        _list[watch.Index].events &= (short)~events;
        if (_list[watch.Index].events == 0)
        {
            Remove(watch);
        }
    }

    private void Add(Watch watch)
    {
        if (_count == _listed.Length)
        {
            Array.Resize(ref _listed, _count * 2);
            _list = (Poll.pollfd*)NativeMemory.Realloc(_list, (nuint)(_listed.Length * sizeof(Poll.pollfd)));
        }

        watch.Index = _count++;
        _listed[watch.Index] = watch;
        _list[watch.Index] = new Poll.pollfd { fd = watch.Fd };
    }

    private void Remove(Watch watch)
    {
        if (watch.Index < 0)
        {
            return;
        }

        int last = --_count;
        if (watch.Index != last)
        {
            _list[watch.Index] = _list[last];
            _listed[watch.Index] = _listed[last];
            _listed[watch.Index].Index = watch.Index;
        }

        _listed[last] = null!;
        watch.Index = -1;
    }
}
