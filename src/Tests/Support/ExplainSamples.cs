using Harness.Results;

namespace Harness.Tests;

/// <summary>Made-up explanations: one connection with 64 requests in flight, on epoll and on uring.</summary>
internal static class ExplainSamples
{
    /// <summary>Both sides sleep, and every send takes all requests.</summary>
    public static Explanation Epoll { get; } = new()
    {
        Client = Side(0.1, 0.2, 0.6) with { SyscallsByNamePerOp = EpollCalls },
        Server = Side(0.1, 0.4, 0.4) with { SyscallsByNamePerOp = EpollCalls },
    };

    /// <summary>Half of the waits end at once, and the server spends less time in the kernel.</summary>
    public static Explanation Uring { get; } = new()
    {
        Client = Side(0.1, 0.2, 0.6) with { SyscallsByNamePerOp = UringCalls, WaitsPerOp = 0.03125 },
        Server = Side(0.1, 0.2, 0.6) with { SyscallsByNamePerOp = UringCalls, WaitsPerOp = 0.03125, MessagesPerReceive = Batches(32, ("32", 200)) },
    };

    private static Dictionary<string, double> EpollCalls => new() { ["epoll_wait"] = 0.015625, ["recvfrom"] = 0.015625, ["sendmsg"] = 0.015625 };

    private static Dictionary<string, double> UringCalls => new() { ["io_uring_enter"] = 0.03125 };

    public static BatchFigures Batches(double mean, params (string Least, long Count)[] counts) =>
        new() { Mean = mean, Counts = counts.ToDictionary(count => count.Least, count => count.Count) };

    private static ExplainedSide Side(double userUs, double kernelUs, double asleepUs) => new()
    {
        WallUsPerOp = 1,
        UserUsPerOp = userUs,
        KernelUsPerOp = kernelUs,
        RunnableUsPerOp = 1 - userUs - kernelUs - asleepUs,
        AsleepUsPerOp = asleepUs,
        OtherThreadsUsPerOp = 0.001,
        TurnsPerOp = 0.015625,
        WaitsPerOp = 0.015625,
        WakeUpsPerOp = 0.015625,
        LooksPerOp = 0,
        UserCopiedBytesPerOp = 512,
        KernelCopiedBytesPerOp = 556,
        CompletionsPerTurn = Batches(2, ("2", 100)),
        MessagesPerReceive = Batches(63.5, ("32", 1), ("64", 99)),
        MessagesPerSend = Batches(64, ("64", 100)),
    };
}
