using System.Collections.Concurrent;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>A block completes from any thread.</summary>
public class ServerThreadsTests
{
    [Fact]
    public void RequestsCompletedByOtherThreadsAreEachAnsweredOnce()
    {
        int count = TestScale.Pick(5_000, 200_000);
        using var work = new BlockingCollection<BlockRequest>();
        Thread[] threads = [.. Enumerable.Range(0, 3).Select(_ => new Thread(() =>
        {
            foreach (BlockRequest request in work.GetConsumingEnumerable())
            {
                request.AddHole(request.Length);
                request.Complete(0);
            }
        }))];
        Array.ForEach(threads, thread => thread.Start());
        using (var world = new SimulatedServer(new ActingBlock(work.Add), new NbdServerOptions { MaxInFlight = 64 }))
        {
            SimulatedTransport client = world.Enter();
            for (int i = 0; i < count; i++)
            {
                client.Write(Wire.Read((ulong)i, 0, 0x10));
            }

            client.Write(Wire.Disconnect());
            world.RunUntil(() => client.IsClosed && world.ServerLoop.Connections == 0);
            world.AssertNothingLeft("after the DISC");
            byte[] sent = client.Sent;
            var cookies = new HashSet<ulong>();
            for (int at = 0; at < sent.Length; at += 32)
            {
                Assert.True(cookies.Add(Wire.Replies(sent[at..(at + 16)])[0].Cookie));
            }

            Assert.Equal(count, cookies.Count);
        }

        work.CompleteAdding();
        Array.ForEach(threads, thread => thread.Join());
    }
}
