using Harness.Io.Native;

namespace Harness.Io;

/// <summary>What becomes of sends that ask the kernel to leave the data where it lies.</summary>
internal static unsafe class ZeroCopyExperiments
{
    private const int Bytes = 64 << 10;

    public static IReadOnlyList<Experiment> All { get; } =
    [
        new(
            "zero-copy send over TCP on loopback",
            "64 KiB sent; copied all the same",
            "a packet for this machine is copied before its socket gets it: between processes here zero-copy costs its notice and saves nothing at any size",
            OverLoopback)
        {
            Needs = RingOpcode.SEND_ZC,

            // Nearly as old as the report of whether the data was copied (6.2).
            NeedsFeature = RingFeatures.REG_REG_RING,
        },
        new(
            "zero-copy send on a Unix socket",
            "EOPNOTSUPP",
            "Unix sockets have no such thing, neither here nor as MSG_ZEROCOPY",
            lab =>
            {
                (int fd, _) = lab.Pair();
                lab.Ring.PrepareSendZeroCopy(fd, lab.Memory.Whole.Address, Bytes, Socket.MSG_NOSIGNAL, 0);
                lab.Submit();
                return lab.Next() is { } cqe ? BehaviourLab.Text(cqe.Result) : "nothing";
            })
        {
            Needs = RingOpcode.SEND_ZC,

            // Nearly as old as the report of whether the data was copied (6.2).
            NeedsFeature = RingFeatures.REG_REG_RING,
        },
    ];

    private static string OverLoopback(BehaviourLab lab)
    {
        (int fd, int peer) = ZeroCopySends.TcpPair();
        lab.Keep(fd);
        lab.Keep(peer);
        lab.Ring.PrepareSendZeroCopy(fd, lab.Memory.Whole.Address, Bytes, Socket.MSG_NOSIGNAL, 0);
        lab.Submit();
        if (lab.Next() is not { } sent)
        {
            return "nothing";
        }

        // The notice comes when the receiver, or what stands for it, has let go of the memory.
        Drain(peer);
        string what = sent.Result == Bytes ? "64 KiB sent" : $"{BehaviourLab.Text(sent.Result)} sent";
        string then = !sent.HasMore ? "no notice" : lab.Next() is not { IsNotification: true } notice ? "nothing"
            : (notice.Result & Ring.ZeroCopyCopied) != 0 ? "copied all the same" : "not copied";
        return $"{what}; {then}";
    }

    private static void Drain(int peer)
    {
        Span<byte> buffer = new byte[Bytes];
        for (int left = Bytes, misses = 0; left > 0 && misses < 1000; misses++)
        {
            left -= Math.Max(0, Sockets.ReceiveNow(peer, buffer));
        }
    }
}
