using Harness.Nbd;

namespace Harness.Tests;

/// <summary>Random traffic against a model of the disk, and the proof that the check can fail.</summary>
public class ServerTrafficTests
{
    private const int DiskBytes = 1 << 20;

    [Fact]
    public void RandomTrafficAgreesWithTheModel()
    {
        for (int seed = 0; seed < TestScale.Pick(10, 500); seed++)
        {
            Assert.Null(FirstDifference(new MemoryStore(DiskBytes), seed));
        }
    }

    /// <summary>The canary: a store that loses one write in a hundred must be caught, or the test above proves nothing.</summary>
    [Fact]
    public void AStoreThatLosesWritesIsCaught()
    {
        for (int seed = 0; seed < 10; seed++)
        {
            Assert.NotNull(FirstDifference(new LossyStore(new MemoryStore(DiskBytes)), seed));
        }
    }

    /// <summary>Batches of requests that do not overlap, each batch answered before the next; returns what came back wrong, or null.</summary>
    private static string? FirstDifference(IBlock block, int seed)
    {
        var random = new Random(seed);
        byte[] disk = new byte[DiskBytes];
        using var world = new SimulatedServer(block, new NbdServerOptions { ReceiveBytes = 8192, MaxInFlight = 1 + random.Next(40), MaxBytes = 100_000 });
        SimulatedTransport client = world.Enter(new Cuts(random, MaxReceive: 5000, MaxSend: 3000));
        for (int batch = 0; batch < 100; batch++)
        {
            var expected = new MemoryStream();
            int slot = DiskBytes / 16;
            for (int i = 0; i < 16; i++)
            {
                int offset = (i * slot) + random.Next(slot);
                int length = random.Next(Math.Min((i + 1) * slot - offset, random.Next(10) == 0 ? 20_000 : 700));
                expected.Write(Do(random, client, disk, (ulong)((batch * 16) + i), offset, length));
            }

            world.Settle();
            if (!client.Sent.AsSpan().SequenceEqual(expected.ToArray()))
            {
                return $"seed {seed}: batch {batch} was answered wrongly";
            }

            client.Forget();
        }

        client.Write(Wire.Read(0, 0, DiskBytes));
        world.Settle();
        return client.Sent.AsSpan(16).SequenceEqual(disk) ? null : $"seed {seed}: the disk differs at the end";
    }

    private static byte[] Do(Random random, SimulatedTransport client, byte[] disk, ulong cookie, int offset, int length)
    {
        Span<byte> range = disk.AsSpan(offset, length);
        switch (random.Next(5))
        {
            case 0:
                client.Write(Wire.Request(NbdCommand.WriteZeroes, cookie, (ulong)offset, (uint)length));
                range.Clear();
                break;
            case 1:
                client.Write(Wire.Request(NbdCommand.Trim, cookie, (ulong)offset, (uint)length));
                range.Clear();
                break;
            case 2:
                client.Write(Wire.Read(cookie, (ulong)offset, (uint)length));
                return Wire.Reply(cookie, 0, range.ToArray());
            default:
                random.NextBytes(range);
                client.Write(Wire.Write(cookie, (ulong)offset, range.ToArray()));
                break;
        }

        return Wire.Reply(cookie);
    }

    private sealed class LossyStore(MemoryStore store) : TestBlock
    {
        private int _writes;

        public override BlockCapabilities Capabilities => store.Capabilities;

        public override void Open() => store.Open();

        public override void Start(BlockRequest request)
        {
            if (request.Command == NbdCommand.Write && ++_writes % 100 == 50)
            {
                request.Complete(0);
            }
            else
            {
                store.Start(request);
            }
        }

        public override void Dispose() => store.Dispose();
    }
}
