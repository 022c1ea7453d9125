using Harness.Report;

namespace Harness.Events;

/// <summary>What <c>harness events --idle</c> found of one backend with one number of connections; medians over the rounds.</summary>
internal sealed record IdleFigures
{
    public required string Backend { get; init; }

    /// <summary>How many the loop watched; one at a time woke it up.</summary>
    public required int Connections { get; init; }

    public required int Rounds { get; init; }

    /// <summary>In each round.</summary>
    public required int WakeUps { get; init; }

    /// <summary>CPU time of the loop's thread per wake-up: from one sleep to the next, the handler's read among it.</summary>
    public required Spread WakeUpCpuUs { get; init; }

    /// <summary>From before the message was sent to the call of the handler; of each round its median.</summary>
    public required Spread WakeUpLatencyUs { get; init; }

    public required Spread SyscallsPerWakeUp { get; init; }

    /// <summary>Live managed bytes that watching a connection takes, its event among them; null with fewer than 1000 connections.</summary>
    public required Spread? ManagedBytesPerConnection { get; init; }

    /// <summary>The same of malloc(3); null also where the C library does not tell.</summary>
    public required Spread? NativeBytesPerConnection { get; init; }

    public static IdleFigures Of(string backend, int connections, int wakeUps, IReadOnlyList<IdleSample> samples) => new()
    {
        Backend = backend,
        Connections = connections,
        Rounds = samples.Count,
        WakeUps = wakeUps,
        WakeUpCpuUs = Spread.Of(samples.Select(sample => sample.CpuUs))!,
        WakeUpLatencyUs = Spread.Of(samples.Select(sample => sample.LatencyUs))!,
        SyscallsPerWakeUp = Spread.Of(samples.Select(sample => sample.SystemCalls))!,
        ManagedBytesPerConnection = Spread.Of(samples.Select(sample => sample.ManagedBytesPerConnection).OfType<double>()),
        NativeBytesPerConnection = Spread.Of(samples.Select(sample => sample.NativeBytesPerConnection).OfType<double>()),
    };
}
