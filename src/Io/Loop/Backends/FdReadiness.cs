using Harness.Io.Native;

namespace Harness.Io;

/// <summary>
/// What poll(2) and epoll(7) call what an <see cref="FdEvent"/> waits for. An error and a hang-up count as ready for both: the call that follows tells.
/// </summary>
internal static unsafe class FdReadiness
{
    private const int Broken = Poll.POLLHUP | Poll.POLLERR;

    /// <summary>Events to ask poll(2) or a ring for.</summary>
    public static int ToPoll(FdFlags flags) =>
        ((flags & FdFlags.Read) != 0 ? Poll.POLLIN | Poll.POLLRDHUP : 0) | ((flags & FdFlags.Write) != 0 ? Poll.POLLOUT : 0);

    /// <summary>What poll(2) or a ring has found.</summary>
    public static FdFlags FromPoll(int events) =>
        ((events & (Poll.POLLIN | Poll.POLLRDHUP | Broken)) != 0 ? FdFlags.Read : 0) | ((events & (Poll.POLLOUT | Broken)) != 0 ? FdFlags.Write : 0);

    /// <summary>Events to ask epoll for; the first bits are those of poll(2).</summary>
    public static uint ToEpoll(FdFlags flags) => (uint)ToPoll(flags);

    /// <summary>What epoll has found.</summary>
    public static FdFlags FromEpoll(uint events) => FromPoll((int)events);

    /// <summary>What holds of one descriptor now: poll(2) without waiting.</summary>
    public static FdFlags Now(int fd, FdFlags flags, LoopCounters counters)
    {
        Poll.pollfd one = new() { fd = fd, events = (short)ToPoll(flags) };
        Poll.timespec none = default;
        counters.Count(SystemCall.ppoll);
        return Poll.ppoll(&one, 1, &none, null) > 0 ? FromPoll(one.revents) & flags : FdFlags.None;
    }
}
