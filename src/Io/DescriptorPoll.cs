using System.Runtime.InteropServices;
using Harness.Io.Native;

namespace Harness.Io;

/// <summary>A descriptor and what is waited for on it; see <see cref="DescriptorPoll"/>.</summary>
/// <param name="fd">The descriptor; a negative one is passed over, as in poll(2).</param>
/// <param name="wanted">What is waited for; with None, only an error or a hang-up is.</param>
public struct PollEntry(int fd, FdFlags wanted)
{
    /// <summary>The descriptor; a negative one is passed over.</summary>
    public int Fd { get; set; } = fd;

    /// <summary>What is waited for.</summary>
    public FdFlags Wanted { get; set; } = wanted;

    /// <summary>What was found: of what was wanted, and an error or a hang-up counts as ready for all that was wanted.</summary>
    public FdFlags Ready { get; internal set; }
}

/// <summary>poll(2), for a program that has a loop of its own and no binding of the call at hand.</summary>
public static unsafe class DescriptorPoll
{
    private const int Few = 16;

    /// <summary>Sleeps until one of the descriptors is ready, the time is up, or a signal came. Any thread may call it.</summary>
    /// <param name="entries">What is waited for; <see cref="PollEntry.Ready"/> of each is set.</param>
    /// <param name="timeoutMs">Milliseconds; 0 looks without sleeping, -1 waits without limit.</param>
    /// <returns>How many descriptors are ready; 0 where the time is up or a signal came.</returns>
    /// <exception cref="IoException">EBADF: a descriptor is not open.</exception>
    public static int Wait(Span<PollEntry> entries, int timeoutMs)
    {
        Span<Poll.pollfd> list = entries.Length <= Few ? stackalloc Poll.pollfd[Few] : new Poll.pollfd[entries.Length];
        for (int i = 0; i < entries.Length; i++)
        {
            list[i] = new Poll.pollfd { fd = entries[i].Fd, events = (short)FdReadiness.ToPoll(entries[i].Wanted) };
        }

        Poll.timespec timeout = Poll.timespec.FromNs(Math.Max(0, timeoutMs) * 1_000_000L);
        int found;
        fixed (Poll.pollfd* first = list)
        {
            found = Poll.ppoll(first, (ulong)entries.Length, timeoutMs < 0 ? null : &timeout, null);
        }

        int errno = found < 0 ? Marshal.GetLastSystemError() : 0;
        if (found < 0 && errno != Errno.EINTR)
        {
            throw new IoException("cannot wait for descriptors", errno);
        }

        for (int i = 0; i < entries.Length; i++)
        {
            short events = found > 0 ? list[i].revents : (short)0;
            if ((events & Poll.POLLNVAL) != 0)
            {
                throw new IoException($"cannot wait for descriptor {entries[i].Fd}", Errno.EBADF);
            }

            entries[i].Ready = FdReadiness.FromPoll(events) & entries[i].Wanted;
        }

        return Math.Max(0, found);
    }
}
