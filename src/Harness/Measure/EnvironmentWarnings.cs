using System.Globalization;

namespace Harness.Measure;

/// <summary>What the environment spoils. Looks only at facts, so the same facts give the same warnings on any machine.</summary>
internal static class EnvironmentWarnings
{
    private const long UnixSendBytes = 2 << 20;

    // What the kernel sets where its command line does not.
    private const long HaltPollNs = 200_000;

    /// <param name="facts">The environment.</param>
    /// <param name="usesTcp">Whether TCP is measured.</param>
    /// <param name="usesUnix">Whether Unix sockets are measured.</param>
    public static IReadOnlyList<Warning> Of(EnvironmentFacts facts, bool usesTcp, bool usesUnix)
    {
        IEnumerable<Warning?> all =
        [
            Build(facts),
            Ring(facts),
            Cpus(facts),
            Load(facts),
            Governor(facts),
            Boost(facts),
            Hypervisor(facts),
            HaltPoll(facts),
            Clocksource(facts),
            Memlock(facts),
            Nofile(facts),
            usesTcp ? CongestionControl(facts) : null,
            usesUnix ? SendBuffer(facts) : null,
        ];
        return [.. all.OfType<Warning>()];
    }

    private static Warning? Build(EnvironmentFacts facts) => !facts.Dotnet.DebugBuild ? null
        : new("debug-build", "this is a build without optimization, so every figure is too slow", "dotnet build -c Release, or ./run.sh, which does");

    private static Warning? Ring(EnvironmentFacts facts) => facts.IoUring.Available ? null
        : new("no-io-uring", $"io_uring is refused ({facts.IoUring.Refusal}), so only poll and epoll can run", facts.IoUring.Remedy ?? "none known");

    private static Warning? Cpus(EnvironmentFacts facts) => CpuList.Parse(facts.CpusAllowed ?? "").Count switch
    {
        1 => new("one-cpu", "only one CPU may be used, so server and load generator take turns on it", "allow two: taskset -c 0,1 harness run …, or a larger machine"),
        2 => new("two-cpus", "with two CPUs, interrupts and every other process run on the two that are measured", "use four or more CPUs and leave the others idle"),
        _ => null,
    };

    private static Warning? Load(EnvironmentFacts facts) => facts.LoadAverage1Min is { } load && load > 0.5 && load > 0.25 * (facts.CpuCount ?? 1)
        ? new("busy", string.Create(CultureInfo.InvariantCulture, $"other processes are at work (load average {load:0.0})"), "end them, or wait a minute after a build")
        : null;

    private static Warning? Governor(EnvironmentFacts facts) => facts.Governor is null or "performance" ? null
        : new("governor", $"the CPU frequency governor is {facts.Governor}, so the clock rate follows the load", "cpupower frequency-set -g performance");

    private static Warning? Boost(EnvironmentFacts facts) => facts.Boost is not true ? null
        : new("boost", "CPU boost is on, so the clock rate follows heat and neighbours", "echo 0 > /sys/devices/system/cpu/cpufreq/boost (Intel: echo 1 > …/intel_pstate/no_turbo)");

    private static Warning? Hypervisor(EnvironmentFacts facts) => facts.Hypervisor is null ? null
        : new("virtual-machine", $"this is a virtual machine ({facts.Hypervisor}), and other guests take time from it", "trust ratios inside one run, not absolute figures; for those use bare metal");

    // Where the governor has no driver, nothing asks it, and its parameter changes nothing.
    private static Warning? HaltPoll(EnvironmentFacts facts) =>
        facts is not { IdleGovernor: IdleFacts.HaltPoll, GuestHaltPollNs: 0, IdleDriver: not (null or "none") } ? null
        : new(
            "halt-poll",
            "idle CPUs of this virtual machine halt at once (guest_halt_poll_ns is 0): what sleeps waits for the host to wake it, tens of µs",
            $"echo {HaltPollNs} > /sys/module/haltpoll/parameters/guest_halt_poll_ns");

    private static Warning? Clocksource(EnvironmentFacts facts) => facts.Clocksource
        is null or "tsc" or "kvm-clock" or "arch_sys_counter" or "riscv_clocksource" ? null
        : new("clocksource", $"the clock source is {facts.Clocksource}, where every reading of the clock is a system call", "boot with clocksource=tsc where the CPU's is stable");

    private static Warning? Memlock(EnvironmentFacts facts) => Below(facts.LimitMemlock, 8 << 20)
        ? new("memlock", $"at most {facts.LimitMemlock} bytes may be locked, which registered buffers, and rings before Linux 5.12, count against", "ulimit -l unlimited")
        : null;

    private static Warning? Nofile(EnvironmentFacts facts) => Below(facts.LimitNofile, 4096)
        ? new("nofile", $"at most {facts.LimitNofile} files may be open, which bounds the connections", "ulimit -n 65536")
        : null;

    private static Warning? CongestionControl(EnvironmentFacts facts) => facts.TcpCongestionControl is not ("bbr" or "bbr2" or "bbr3") ? null
        : new("congestion-control", $"TCP congestion control is {facts.TcpCongestionControl}, which paces even on loopback", "sysctl -w net.ipv4.tcp_congestion_control=cubic");

    private static Warning? SendBuffer(EnvironmentFacts facts) => facts.WmemMaxBytes is { } max && max < UnixSendBytes
        ? new("wmem-max", $"a Unix socket's send buffer is capped at {max} bytes, so deep queues wait for room", $"sysctl -w net.core.wmem_max={UnixSendBytes}")
        : null;

    private static bool Below(string? limit, long floor) =>
        long.TryParse(limit, NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value < floor;
}
