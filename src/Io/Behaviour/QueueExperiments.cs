using System.Diagnostics;
using Harness.Io.Native;

namespace Harness.Io;

/// <summary>What a full queue, an empty buffer ring and a wait do.</summary>
internal static class QueueExperiments
{
    private const int Flood = 64;
    private const int WaitMs = 20;

    public static IReadOnlyList<Experiment> All { get; } =
    [
        new(
            "more completions than the queue holds",
            $"{Flood} of {Flood} arrive",
            "nothing is lost (NODROP): the kernel keeps what finds no room, and the SQ ring's CQ_OVERFLOW flag says that an enter will bring it",
            lab =>
            {
                for (int i = 0; i < Flood; i++)
                {
                    lab.Ring.PrepareNop(0);
                    lab.Submit();
                }

                int arrived = 0;
                while (arrived < Flood && lab.Next() is not null)
                {
                    arrived++;
                }

                return $"{arrived} of {Flood} arrive";
            })
        {
            NeedsFeature = RingFeatures.NODROP,
            Options = new RingOptions { Entries = 2, CompletionEntries = 4 },
        },
        new(
            "multishot receive without a buffer left",
            "1 with more to come; then ENOBUFS, the last",
            "the bytes stay in the socket: give buffers back, then arm it again",
            Starve)
        {
            // As old as multishot receives (6.0).
            Needs = RingOpcode.SEND_ZC,
        },
        new(
            "an event before the next enter",
            "not in the queue, but flagged; in the queue after an enter",
            "with DEFER_TASKRUN completions are made when the owner enters: a loop that only looks at the queue must look at the TASKRUN flag too",
            lab =>
            {
                (int fd, int peer) = lab.Pair();
                lab.Ring.PreparePollAdd(fd, (uint)Poll.POLLIN, multishot: false, 0);
                lab.Submit();
                lab.Write(peer);
                string before = lab.Ring.CompletionsReady > 0 ? "in the queue" : lab.Ring.NeedsEnter ? "not in the queue, but flagged" : "not in the queue";
                lab.Ring.SubmitAndGetEvents();
                return $"{before}; {(lab.Ring.CompletionsReady > 0 ? "in the queue" : "still not")} after an enter";
            })
        {
            NeedsFlag = SetupFlags.DEFER_TASKRUN,
        },
        new(
            $"a wait of {WaitMs} ms with nothing to come",
            "ends once the time is up, and not after twice as long",
            "the waiting call takes a time limit (5.11); a library that put a timeout in front of it waited twice",
            Wait)
        {
            NeedsFeature = RingFeatures.EXT_ARG,
        },
    ];

    private static string Starve(BehaviourLab lab)
    {
        (int fd, int peer) = lab.Pair();
        using BufferRing buffers = lab.Ring.RegisterBufferRing(groupId: 1, entries: 1, bufferSize: 64);
        lab.Ring.PrepareReceiveMultishot(fd, 1, 0);
        lab.Submit();
        lab.Write(peer);
        string first = Text(lab.Next());
        lab.Write(peer);
        return $"{first}; then {Text(lab.Next())}";
    }

    private static string Text(Cqe? cqe) => cqe is not { } got ? "nothing"
        : $"{BehaviourLab.Text(got.Result)}{(got.HasMore ? " with more to come" : ", the last")}";

    // A machine that was busy meanwhile makes a wait look long, never short, so the shortest of some counts.
    private static string Wait(BehaviourLab lab)
    {
        double shortest = double.MaxValue;
        for (int i = 0; i < 3; i++)
        {
            long start = Stopwatch.GetTimestamp();
            lab.Ring.SubmitAndWait(1, WaitMs * 1_000_000L);
            shortest = Math.Min(shortest, Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }

        return shortest < WaitMs ? "ends before the time is up"
            : shortest < 2 * WaitMs ? "ends once the time is up, and not after twice as long"
            : "ends after twice the time";
    }
}
