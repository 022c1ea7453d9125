using System.Globalization;
using Harness.Io;
using Xunit.Abstractions;

namespace Harness.Tests;

/// <summary>Many thousands of requests in flight: the server has no more threads for them, and little memory for each.</summary>
public class InFlightTests(ITestOutputHelper output)
{
    private const int Connections = 16;

    /// <summary>What waits does so above the loop, so that one backend is enough in short.</summary>
    public static TheoryData<string> Backends => [.. TestScale.Pick<string[]>(["uring"], ["epoll", "uring"])];

    [SkippableTheory]
    [MemberData(nameof(Backends))]
    public void Requests_that_wait_take_no_thread_and_less_than_a_kibibyte_each(string backend)
    {
        Skip.If(HarnessServer.IsForeign, "nbdkit has a thread for each");
        int depth = TestScale.Pick(10_000, 100_000) / Connections;
        int inFlight = depth * Connections;
        using var server = HarnessServer.Start(backend, block: "delay:read=1s/memory:1G", more: ["--max-in-flight", "65536"]);

        // What a server takes for a connection and for code that runs for the first time is not what it takes for a request.
        Load(server, backend, depth: 64, ops: 4 * 64 * Connections);
        var (threadsBefore, kibBefore) = Status(server.ProcessId);
        using Child load = Child.Start(HarnessServer.Program, Arguments(server, backend, depth, ops: 3 * inFlight));
        var (threads, kib) = (0, 0L);
        while (!load.HasExited)
        {
            var (threadsNow, kibNow) = Status(server.ProcessId);
            (threads, kib) = (Math.Max(threads, threadsNow), Math.Max(kib, kibNow));
            Thread.Sleep(50);
        }

        Assert.True(load.WaitForExit(Tool.Deadline) == 0, $"{load.Output}{load.Errors}");
        Assert.Contains(", 0 errors", load.Output, StringComparison.Ordinal);
        double bytesEach = (kib - kibBefore) * 1024.0 / inFlight;
        output.WriteLine($"{backend}: {inFlight} in flight, {threadsBefore} threads before and {threads} under load, {bytesEach:0} bytes of memory for each request");
        Assert.InRange(threads, 1, threadsBefore + 3);
        Assert.InRange(bytesEach, -1024, 1024);
    }

    private static void Load(HarnessServer server, string backend, int depth, int ops) =>
        Tool.Run(HarnessServer.Program, Arguments(server, backend, depth, ops)).Succeeded();

    private static string[] Arguments(HarnessServer server, string backend, int depth, int ops) =>
    [
        "load", server.Uri, "--backend", backend, "--size", "512", "--connections", $"{Connections}", "--depth", $"{depth}",
        "--ops", ops.ToString(CultureInfo.InvariantCulture), "--warmup", "0s",
    ];

    /// <summary>Threads, and KiB in memory.</summary>
    private static (int Threads, long Kib) Status(int processId)
    {
        string[] lines = File.ReadAllLines($"/proc/{processId}/status");
        return ((int)Value("Threads:"), Value("VmRSS:"));

        long Value(string name)
        {
            string text = lines.Single(line => line.StartsWith(name, StringComparison.Ordinal))[name.Length..];
            return long.Parse(text.Replace("kB", "", StringComparison.Ordinal).Trim(), CultureInfo.InvariantCulture);
        }
    }
}
