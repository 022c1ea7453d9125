using System.Runtime.InteropServices;
using Harness.Io.Native;

namespace Harness.Io;

/// <summary>An eventfd(2) that any thread sets to end a loop's sleep, and that the loop's thread clears.</summary>
internal sealed unsafe class WakeEvent : IDisposable
{
    public WakeEvent()
    {
        Fd = EventFd.eventfd(0, EventFd.EFD_CLOEXEC | EventFd.EFD_NONBLOCK);
        if (Fd < 0)
        {
            throw new IoException("cannot make an eventfd for the loop's wake-up", Marshal.GetLastSystemError());
        }
    }

    public int Fd { get; }

    public void Set()
    {
        // It can fail only where the counter is full, and then the loop is awake anyway.
        ulong one = 1;
        Unistd.write(Fd, &one, sizeof(ulong));
    }

    public void Clear()
    {
        ulong count;
        Unistd.read(Fd, &count, sizeof(ulong));
    }

    public void Dispose() => Unistd.close(Fd);
}
