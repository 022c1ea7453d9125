using Harness.Io.Native;

namespace Harness.Io;

/// <summary>What two sends on one stream do to each other.</summary>
internal static unsafe class SendExperiments
{
    private const int Bytes = 256 << 10;
    private const int MaxMisses = 2000;
    private const long RetryNs = 1_000_000;

    public static IReadOnlyList<Experiment> All { get; } =
    [
        new(
            "two sends in flight on one stream",
            "their bytes are mixed",
            "sends that wait for room go on in any order: one send in flight for each stream, or what arrives is neither message",
            lab =>
            {
                (int fd, int peer) = lab.Pair();
                Sockets.SetSendBuffer(fd, 4096);
                lab.Memory.Slice(0, Bytes).Span.Fill((byte)'a');
                lab.Memory.Slice(Bytes, Bytes).Span.Fill((byte)'b');
                for (int i = 0; i < 2; i++)
                {
                    lab.Ring.PrepareSend(fd, lab.Memory.Slice(i * Bytes, Bytes).Address, Bytes, Socket.MSG_WAITALL, (ulong)i);
                }

                lab.Submit();
                return Changes(lab, peer) > 1 ? "their bytes are mixed" : "one after the other";
            })
        {
            Needs = RingOpcode.SEND,
        },
    ];

    /// <summary>How often the letter changes in what the peer receives: once, where the second follows the first.</summary>
    private static int Changes(BehaviourLab lab, int peer)
    {
        NativeSlice into = lab.Memory.Slice(2 * Bytes, 4096);
        int changes = 0;
        byte last = (byte)'a';
        int misses = 0;
        for (int received = 0; received < 2 * Bytes && misses < MaxMisses;)
        {
            nint n = Socket.recv(peer, (void*)into.Address, (nuint)into.Length, Socket.MSG_DONTWAIT);
            if (n <= 0)
            {
                // The sends go on when the ring is entered.
                misses++;
                lab.Ring.SubmitAndWait(1, RetryNs);
                continue;
            }

            received += (int)n;
            foreach (byte letter in into.Slice(0, (int)n).Span)
            {
                changes += letter == last ? 0 : 1;
                last = letter;
            }
        }

        return changes;
    }
}
