namespace Harness.Measure;

/// <summary>What was true of the machine and the process when a run began. A fact that could not be had is null.</summary>
internal sealed record EnvironmentFacts
{
    public string? KernelRelease { get; init; }
    public string? KernelVersion { get; init; }

    /// <summary>The kernel's own parameters; what follows <c>--</c>, and the choice of init, concern user space and are left out.</summary>
    public string? KernelCmdline { get; init; }

    public string? CpuModel { get; init; }
    public string? Microcode { get; init; }

    /// <summary>CPUs that are online.</summary>
    public int? CpuCount { get; init; }

    /// <summary>The CPUs that this process may run on, in the kernel's list format.</summary>
    public string? CpusAllowed { get; init; }

    /// <summary>Whether hardware threads share cores.</summary>
    public bool? Smt { get; init; }

    public string? Governor { get; init; }
    public bool? Boost { get; init; }

    /// <inheritdoc cref="IdleFacts.Driver"/>
    public string? IdleDriver { get; init; }

    /// <inheritdoc cref="IdleFacts.Governor"/>
    public string? IdleGovernor { get; init; }

    /// <inheritdoc cref="IdleFacts.GuestHaltPollNs"/>
    public long? GuestHaltPollNs { get; init; }

    /// <summary>The hypervisor's name where it gives one, <c>unnamed</c> where only the CPU flag tells; null on bare metal.</summary>
    public string? Hypervisor { get; init; }

    public string? Clocksource { get; init; }

    /// <summary>State by vulnerability, as in <c>/sys/devices/system/cpu/vulnerabilities</c>.</summary>
    public IReadOnlyDictionary<string, string> Mitigations { get; init; } = new Dictionary<string, string>();

    public long? MemoryBytes { get; init; }
    public double? LoadAverage1Min { get; init; }

    public string? TcpCongestionControl { get; init; }
    public string? DefaultQdisc { get; init; }
    public string? TcpRmem { get; init; }
    public string? TcpWmem { get; init; }
    public long? RmemMaxBytes { get; init; }
    public long? WmemMaxBytes { get; init; }

    /// <summary>The soft limit in bytes, or <c>unlimited</c>.</summary>
    public string? LimitMemlock { get; init; }

    /// <summary>The soft limit, or <c>unlimited</c>.</summary>
    public string? LimitNofile { get; init; }

    /// <summary>The sysctl: 0 all may use io_uring, 1 a group may, 2 nobody; null where the kernel has no such sysctl.</summary>
    public string? IoUringDisabled { get; init; }

    public required RingFacts IoUring { get; init; }
    public required DotnetFacts Dotnet { get; init; }
}
