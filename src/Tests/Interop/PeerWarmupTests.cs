using System.Text.Json;

namespace Harness.Tests;

/// <summary>
/// The load beside a server of many threads that is not ours. What reads the files of 64 threads is hot at once, and was compiled anew in the measured part,
/// 70 to 180 methods in 0.4 s: a quarter to a half of the CPU time that was then said to be the load generator's.
/// </summary>
public sealed class PeerWarmupTests
{
    private const int Threads = 64;

    // A machine under load may keep the warm-up from its end, once.
    private const int Attempts = 3;

    // Code that is called now and then gets hot at any time.
    private const int Stray = 20;

    [SkippableFact]
    public void What_reads_the_threads_of_a_server_is_compiled_before_the_measured_part()
    {
        using ForeignServer server = ForeignServer.OnSocket(
            "nbdkit", socket => ["--foreground", "--unix", socket, "--threads", $"{Threads}", "memory", "size=16M"]);
        long least = long.MaxValue;
        for (int attempt = 0; attempt < Attempts && least > Stray; attempt++)
        {
            least = Math.Min(least, MethodsCompiledInTheMeasuredPart(server));
        }

        Assert.InRange(least, 0, Stray);
    }

    private static long MethodsCompiledInTheMeasuredPart(ForeignServer server)
    {
        string[] arguments = ["load", server.Uri, "--backend", "epoll", "--duration", "400ms", "--server-pid", $"{server.ProcessId}", "--json", "-"];
        using var result = JsonDocument.Parse(Tool.Run(HarnessServer.Program, arguments).Succeeded().Output);
        return result.RootElement.GetProperty("client").GetProperty("jit_methods_in_window").GetInt64();
    }
}
