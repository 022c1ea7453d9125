using Harness.Io.Native;

namespace Harness.Io;

/// <content>The checked mode: telling a descriptor from another that got its number.</content>
public sealed partial class EventLoop
{
    /// <summary>
    /// Before a handler of a descriptor is called, its number must still stand for the file that the event was added for; otherwise the event ends with -EBADF
    /// (<see cref="IFdHandler.OnEnded"/>) and is counted in <see cref="LoopCounters.StrangersRefused"/>. For code that is suspected of closing descriptors by
    /// itself, on backends that cannot see that; see <see cref="ForeignClose"/>. It costs one or two system calls for each event.
    /// </summary>
    /// <remarks>
    /// On the ring backends the files are compared by kcmp(2) with a kept duplicate, which tells all apart but keeps the file open, as the ring's own polls do:
    /// the peer sees no end of the stream until the event ends, which <see cref="VerifyDescriptors"/> brings about. On <c>poll</c> and on the backends with an
    /// epoll set the inode and the access mode are compared, which cannot tell the same file opened again from the former one, nor two descriptors of one file.
    /// Files without an inode of their own (eventfd, timerfd, signalfd, epoll) are compared by a kept duplicate on <c>poll</c>; on the backends with an epoll
    /// set they are not checked, because a duplicate would keep the kernel's list from forgetting them. Nothing can tell of a descriptor that another thread
    /// closes between the check and the handler's own call.
    /// </remarks>
    public bool IsChecked { get; init; }

    /// <summary>What becomes of a watched descriptor of this loop that somebody closes without telling it.</summary>
    public ForeignClose OnForeignClose => _backend.OnForeignClose;

    /// <summary>
    /// Looks at every descriptor with events, and ends the events of those whose number stands for nothing or for another file: to be called after code that is
    /// suspected of closing descriptors. Only in a checked loop.
    /// </summary>
    /// <returns>How many descriptors were found.</returns>
    public int VerifyDescriptors()
    {
        int found = 0;
        foreach (Descriptor? descriptor in _descriptors)
        {
            if (descriptor?.Events is not null && !IsStillItself(descriptor))
            {
                found++;
            }
        }

        return found;
    }

    private void Remember(Descriptor descriptor)
    {
        if (IsChecked)
        {
            descriptor.Identity?.Dispose();
            descriptor.Identity = FileIdentity.Of(descriptor.Fd, _backend.OnForeignClose);
        }
    }

    private static void Forget(Descriptor descriptor)
    {
        descriptor.Identity?.Dispose();
        descriptor.Identity = null;
    }

    /// <summary>False where the number stands for another file; its events have ended then.</summary>
    private bool IsStillItself(Descriptor descriptor)
    {
        if (descriptor.Identity is not { } identity || identity.Is(descriptor.Fd))
        {
            return true;
        }

        _counters.StrangersRefused++;
        EndEvents(descriptor, -Errno.EBADF);
        return false;
    }
}
