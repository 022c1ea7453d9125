using Harness.Io.Native;

namespace Harness.Io;

/// <summary>Cancelling: what comes first, and what a linked timeout ends with.</summary>
internal static class CancelExperiments
{
    private const long ShortNs = 5_000_000;

    public static IReadOnlyList<Experiment> All { get; } =
    [
        new(
            "order of a cancel and what it ends",
            "cancel 0, poll ECANCELED",
            "the cancel's own completion says only that there was something to end; wait for that one's, which comes after it",
            lab =>
            {
                (int fd, _) = lab.Pair();
                lab.Ring.PreparePollAdd(fd, (uint)Poll.POLLIN, multishot: false, 0);
                lab.Submit();
                lab.Ring.PrepareCancel(0, 1);
                return lab.Results(2, "poll", "cancel");
            })
        {
            Needs = RingOpcode.ASYNC_CANCEL,
        },
        new(
            "cancel of what is not there",
            "cancel ENOENT",
            "an operation that has won the race keeps its own result, and the cancel finds nothing",
            lab =>
            {
                lab.Ring.PrepareCancel(0, 1);
                return lab.Results(1, "", "cancel");
            })
        {
            Needs = RingOpcode.ASYNC_CANCEL,
        },
        new(
            "POLL_REMOVE while an event of the poll is on its way",
            "remove EALREADY, poll 1",
            "POLL_REMOVE gives up where the poll is about to fire, and a multishot poll lives on; ASYNC_CANCEL ends it",
            lab =>
            {
                (int fd, int peer) = lab.Pair();
                lab.Ring.PreparePollAdd(fd, (uint)Poll.POLLIN, multishot: true, 0);
                lab.Submit();
                lab.Write(peer);
                lab.Ring.PreparePollRemove(0, 1);
                return lab.Results(2, "poll", "remove");
            })
        {
            // On other rings the event arrives with the next system call, whichever it is.
            NeedsFlag = SetupFlags.DEFER_TASKRUN,
            Options = new RingOptions { Entries = 8 },
        },
        new(
            "linked timeout that wins",
            "receive ECANCELED, timeout ETIME",
            "a deadline on any operation costs one entry more; only both completions together tell a deadline from a cancel",
            lab =>
            {
                (int fd, _) = lab.Pair();
                PrepareReceiveWithin(lab, fd);
                return Sorted(lab);
            })
        {
            Needs = RingOpcode.LINK_TIMEOUT,
        },
        new(
            "linked timeout that loses",
            "receive 1, timeout ECANCELED",
            "the timeout is over with the operation, and says so in a completion of its own",
            lab =>
            {
                (int fd, int peer) = lab.Pair();
                lab.Write(peer);
                PrepareReceiveWithin(lab, fd);
                return Sorted(lab);
            })
        {
            Needs = RingOpcode.LINK_TIMEOUT,
        },
    ];

    private static void PrepareReceiveWithin(BehaviourLab lab, int fd)
    {
        lab.Ring.PrepareReceive(fd, lab.Memory.Whole.Address, 64, 0, 0, SqeFlags.IO_LINK);
        lab.Ring.PrepareLinkTimeout(ShortNs, 1);
    }

    // The two come in either order.
    private static string Sorted(BehaviourLab lab) =>
        string.Join(", ", lab.Results(2, "receive", "timeout").Split(", ").Order(StringComparer.Ordinal));
}
