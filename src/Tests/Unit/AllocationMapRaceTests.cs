using Harness.Nbd;

namespace Harness.Tests;

/// <summary>A map of which one thread changes bits while another asks for runs, as loops do that write and read the same disk.</summary>
public sealed class AllocationMapRaceTests
{
    private const uint PieceBytes = 4096;

    // In the middle of the piece that changes: a run that ends before it begins would seem endless.
    private const ulong Offset = 512;

    private static readonly int s_runs = TestScale.Pick(300_000, 5_000_000);

    [Fact]
    public void A_run_whose_first_bit_changes_meanwhile_is_that_of_before_or_of_after()
    {
        using var map = new AllocationMap(2 * PieceBytes, PieceBytes);
        bool stop = false;
        var writer = new Thread(() =>
        {
            while (!Volatile.Read(ref stop))
            {
                map.Set(0, PieceBytes);
                map.ClearWithin(0, PieceBytes);
            }
        });
        writer.Start();
        try
        {
            for (int i = 0; i < s_runs; i++)
            {
                ulong run = map.RunAt(Offset, (2 * PieceBytes) - Offset, out bool isSet);
                Assert.Equal((isSet ? PieceBytes : 2 * PieceBytes) - Offset, run);
            }
        }
        finally
        {
            Volatile.Write(ref stop, true);
            writer.Join();
        }
    }
}
