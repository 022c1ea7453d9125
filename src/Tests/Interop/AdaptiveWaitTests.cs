using static Harness.Tests.RawNbd;

namespace Harness.Tests;

/// <summary>The adaptive wait mode: it looks for a while before it sleeps, and where nothing comes it sleeps.</summary>
public sealed class AdaptiveWaitTests
{
    [SkippableTheory]
    [ClassData(typeof(ClientBackends))]
    public void An_idle_adaptive_server_takes_at_most_one_percent_of_a_CPU(string backend)
    {
        Skip.If(HarnessServer.IsForeign, "the wait mode is our server's");
        using HarnessServer server = HarnessServer.Start(backend, more: ["--wait", "adaptive"]);
        using var client = new RawNbd(server);
        client.Send(Be(FixedNewstyle | NoZeroes), Option(ExportName, []));
        client.Receive(10);
        Read4KiB(client);

        // CPU time and not the time of day decides, so a busy machine fails nothing. Three tries, since the runtime still compiles after the first request.
        long wallNs = (long)(TestScale.Pick(2, 10) * 1e9);
        long best = long.MaxValue;
        for (int tries = 0; tries < 3 && best > wallNs / 100; tries++)
        {
            long before = CpuNs(server.ProcessId);
            Thread.Sleep(TimeSpan.FromTicks(wallNs / 100));
            best = Math.Min(best, CpuNs(server.ProcessId) - before);
        }

        Assert.True(best <= wallNs / 100, $"{best / 1e6:0.0} ms of CPU time in {wallNs / 1e9:0} s in which nothing was asked");
        Read4KiB(client);
    }

    private static void Read4KiB(RawNbd client)
    {
        client.Send(Request(Read, 1, 0, 4096));
        client.ExpectReply(1, 0);
        client.Receive(4096);
    }

    /// <summary>Of all threads, as the scheduler counts it: the first number of /proc/PID/task/TID/schedstat.</summary>
    private static long CpuNs(int process) => Directory.GetDirectories($"/proc/{process}/task").Sum(task =>
    {
        try
        {
            return long.Parse(File.ReadAllText($"{task}/schedstat").Split(' ')[0]);
        }
        catch (IOException)
        {
            // It has ended meanwhile.
            return 0;
        }
    });
}
