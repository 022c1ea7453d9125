using Harness.Io;

namespace Harness.Tests;

/// <summary>The servers that every foreign client meets, for [MemberData].</summary>
public static class ServerCases
{
    /// <summary>
    /// (backend, transport): each backend over a Unix socket, and over TCP one of readiness and one of completions, in full each: the two differ in nothing
    /// above the socket.
    /// </summary>
    public static TheoryData<string, string> BackendsAndTransports { get; } = Pairs();

    /// <summary>
    /// One backend of readiness and one of completions, for tests that speak byte by byte: above the loop all five share their code.
    /// </summary>
    internal static string[] RawBackends => HarnessServer.IsForeign ? ["foreign"] : ["epoll", "uring"];

    /// <summary><see cref="RawBackends"/>, one to a case.</summary>
    public static TheoryData<string> RawBackendNames { get; } = [.. RawBackends];

    /// <summary>For tests of whole processes that take seconds each: one backend of readiness and one of completions, in full each.</summary>
    public static TheoryData<string> FewBackendNames { get; } = [.. HarnessServer.IsForeign || !TestScale.Full ? RawBackends : [.. LoopBackends.All]];

    /// <summary>What asks a program to end: one of the two, in full both.</summary>
    public static TheoryData<string> Interruptions { get; } = [.. TestScale.Pick<string[]>(["INT"], ["INT", "TERM"])];

    private static TheoryData<string, string> Pairs()
    {
        var pairs = new TheoryData<string, string>();
        // One server is enough to try the tests themselves.
        foreach (var backend in HarnessServer.IsForeign ? ["foreign"] : LoopBackends.All)
        {
            pairs.Add(backend, HarnessServer.Unix);
            if (TestScale.Full || RawBackends.Contains(backend))
            {
                pairs.Add(backend, HarnessServer.Tcp);
            }
        }
        return pairs;
    }
}
