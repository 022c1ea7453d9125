using Harness.Io.Native;

namespace Harness.Io;

/// <summary>When a poll fires: once, at every arrival, or for as long as there is something.</summary>
internal static unsafe class PollExperiments
{
    // IORING_POLL_ADD_LEVEL, which no released kernel takes; its header does not have it either.
    private const uint PollAddLevel = 8;

    public static IReadOnlyList<Experiment> All { get; } =
    [
        new(
            "poll of what is ready already",
            "poll 1 at once, then nothing",
            "a poll looks before it waits: armed again after each event it is level-triggered, at one entry for each event",
            lab =>
            {
                (int fd, int peer) = lab.Pair();
                lab.Write(peer);
                lab.Ring.PreparePollAdd(fd, (uint)Poll.POLLIN, multishot: false, 0);
                return $"{lab.Results(1, "poll")} at once, then {(lab.IsQuiet() ? "nothing" : "more")}";
            }),
        new(
            "multishot poll of what stays unread",
            "1 for the first byte, 0 while it stays unread, 1 for a second byte",
            "a multishot poll is edge-triggered: who leaves bytes behind hears of them no more until others come",
            lab =>
            {
                (int fd, int peer) = lab.Pair();
                lab.Ring.PreparePollAdd(fd, (uint)Poll.POLLIN, multishot: true, 0);
                lab.Submit();
                lab.Write(peer);
                int first = Count(lab);
                int unread = Count(lab);
                lab.Write(peer);
                return $"{first} for the first byte, {unread} while it stays unread, {Count(lab)} for a second byte";
            })
        {
            // As old as multishot polls (5.13).
            NeedsFeature = RingFeatures.RSRC_TAGS,
        },
        new(
            "update of a multishot poll that is ready",
            "update 0, and the poll fires again",
            "an update polls anew, so a multishot poll is level-triggered with one entry for each time that something is left",
            lab =>
            {
                (int fd, int peer) = lab.Pair();
                lab.Ring.PreparePollAdd(fd, (uint)Poll.POLLIN, multishot: true, 0);
                lab.Submit();
                lab.Write(peer);
                _ = Count(lab);
                lab.Ring.PreparePollUpdate(0, (uint)Poll.POLLIN, multishot: true, 1);
                string[] results = lab.Results(2, "poll", "update").Split(", ");
                return $"{results.FirstOrDefault(result => result.StartsWith("update", StringComparison.Ordinal))}, "
                    + (results.Any(result => result.StartsWith("poll", StringComparison.Ordinal)) ? "and the poll fires again" : "and the poll stays silent");
            })
        {
            NeedsFeature = RingFeatures.RSRC_TAGS,
        },
        new(
            "POLL_ADD_LEVEL",
            "poll EINVAL",
            "level-triggered polls were switched off again before the release that was to bring them (6.0)",
            lab =>
            {
                (int fd, int peer) = lab.Pair();
                lab.Write(peer);
                lab.Ring.PreparePollAdd(fd, (uint)Poll.POLLIN, multishot: true, 0);
                lab.Ring.LastPrepared->len |= PollAddLevel;
                return lab.Results(1, "poll");
            }),
    ];

    private static int Count(BehaviourLab lab)
    {
        int count = 0;
        while (!lab.IsQuiet())
        {
            count++;
        }

        return count;
    }
}
