namespace Harness.Io;

/// <summary>The variants of the backends, each of which exists only in the pipe test; see <see cref="PipeTest"/>.</summary>
/// <remarks>
/// One event at a time: the kernel is asked after each handler, as tevent does. Batches: one look at the kernel, then the handlers of all that it found.
/// </remarks>
public static class LoopVariants
{
    private const int One = 1;
    private const int Batch = 64;

    /// <summary>All of them, in the order in which results print them.</summary>
    public static IReadOnlyList<LoopVariant> All { get; } =
    [
        Loop("poll", "maxevents-1", "poll(2) of the list, one handler, and so on", One, () => new PollBackend()),
        Loop("poll", "maxevents-64", "poll(2) of the list, then the handlers of all that is ready", Batch, () => new PollBackend()),
        Loop("epoll", "maxevents-1", "epoll_wait(2) for one event, as tevent does", One, () => new EpollBackend()),
        Loop("epoll", "maxevents-64", "epoll_wait(2) for up to 64 events, then their handlers", Batch, () => new EpollBackend()),
        Loop(
            "epoll", "edge-64", "the same, edge-triggered (EPOLLET): the handler reads all that is there", Batch, () => new EpollBackend(edge: true), edge: true),
        Loop("uring-poll", "one-shot", "polls that fire once and are armed again after each event, in batches", Batch, () => new UringPollBackend(RingPollMode.OneShot)),
        Loop(
            "uring-poll", "one-shot-strict", "the same, one event at a time: what others may have changed is confirmed by poll(2)", One,
            () => new UringPollBackend(RingPollMode.OneShot)),
        Loop(
            "uring-poll", "multishot-update", "multishot polls, updated after each event so that they look again, in batches", Batch,
            () => new UringPollBackend(RingPollMode.Update)),
        Loop(
            "uring-poll", "multishot", "multishot polls as they are, edge-triggered: the handler reads all that is there, in batches", Batch,
            () => new UringPollBackend(RingPollMode.Edge), edge: true),
        Loop(
            "uring-poll", "ring-in-epoll", "multishot polls; the loop sleeps in an epoll set that has the ring as a member", Batch,
            () => new UringPollBackend(RingPollMode.Edge, ringInEpoll: true), edge: true),
        new LoopVariant("uring", "read-multishot", "multishot reads into a ring of buffers: the completion brings the bytes") { Make = pipes => new CompletionMover(pipes) },
        Loop("uring-epoll", "epoll-poll", "a poll of an epoll set in the ring, then epoll_wait(2) for up to 64 events", Batch, () => new UringEpollBackend(waitInRing: false)),
        Loop(
            "uring-epoll", "epoll-wait", "IORING_OP_EPOLL_WAIT for up to 64 events of an epoll set", Batch,
            () => UringEpollBackend.WaitingInRing()),
    ];

    private static LoopVariant Loop(string backend, string variant, string description, int maxEvents, Func<ILoopBackend> make, bool edge = false) =>
        new(backend, variant, description) { Make = pipes => new LoopMover(pipes, make(), maxEvents, edge) };
}
