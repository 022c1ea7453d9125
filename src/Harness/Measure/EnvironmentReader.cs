using System.Globalization;

namespace Harness.Measure;

/// <summary>Reads <see cref="EnvironmentFacts"/> from <c>/proc</c> and <c>/sys</c>.</summary>
/// <param name="root">Where those two lie; tests give a folder of their own.</param>
internal sealed class EnvironmentReader(string root = "/")
{
    public EnvironmentFacts Read(RingFacts ring, DotnetFacts dotnet)
    {
        var cpuinfo = Lines("proc/cpuinfo");
        IdleFacts idle = IdleFacts.Read(Text);
        return new EnvironmentFacts
        {
            KernelRelease = Text("proc/sys/kernel/osrelease"),
            KernelVersion = Text("proc/sys/kernel/version"),
            KernelCmdline = KernelParameters(Text("proc/cmdline")),
            CpuModel = Field(cpuinfo, "model name"),
            Microcode = Field(cpuinfo, "microcode"),
            CpuCount = Text("sys/devices/system/cpu/online") is { } online ? CpuList.Parse(online).Count : null,
            CpusAllowed = Field(Lines("proc/self/status"), "Cpus_allowed_list"),
            Smt = Flag("sys/devices/system/cpu/smt/active"),
            Governor = Text("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
            Boost = Boost(),
            IdleDriver = idle.Driver,
            IdleGovernor = idle.Governor,
            GuestHaltPollNs = idle.GuestHaltPollNs,
            Hypervisor = Hypervisor(Field(cpuinfo, "flags")),
            Clocksource = Text("sys/devices/system/clocksource/clocksource0/current_clocksource"),
            Mitigations = Mitigations(),
            MemoryBytes = Field(Lines("proc/meminfo"), "MemTotal") is { } total ? Number(total.Split(' ')[0]) * 1024 : null,
            LoadAverage1Min = double.TryParse(Text("proc/loadavg")?.Split(' ')[0], CultureInfo.InvariantCulture, out var load) ? load : null,
            TcpCongestionControl = Text("proc/sys/net/ipv4/tcp_congestion_control"),
            DefaultQdisc = Text("proc/sys/net/core/default_qdisc"),
            TcpRmem = Text("proc/sys/net/ipv4/tcp_rmem")?.Replace('\t', ' '),
            TcpWmem = Text("proc/sys/net/ipv4/tcp_wmem")?.Replace('\t', ' '),
            RmemMaxBytes = Number(Text("proc/sys/net/core/rmem_max")),
            WmemMaxBytes = Number(Text("proc/sys/net/core/wmem_max")),
            LimitMemlock = Limit("Max locked memory"),
            LimitNofile = Limit("Max open files"),
            IoUringDisabled = Text("proc/sys/kernel/io_uring_disabled"),
            IoUring = ring,
            Dotnet = dotnet,
        };
    }

    /// <summary>Whether two CPUs are hardware threads of one core; false where the kernel does not say.</summary>
    public bool ShareCore(int a, int b) =>
        Text($"sys/devices/system/cpu/cpu{a}/topology/thread_siblings_list") is { } siblings && CpuList.Parse(siblings).Contains(b);

    private static string? KernelParameters(string? cmdline)
    {
        if (cmdline is null)
        {
            return null;
        }
        var words = cmdline.Split(' ', StringSplitOptions.RemoveEmptyEntries).TakeWhile(word => word != "--");
        return string.Join(' ', words.Where(word => !word.StartsWith("init=", StringComparison.Ordinal) && !word.StartsWith("rdinit=", StringComparison.Ordinal)));
    }

    private bool? Boost() =>
        Flag("sys/devices/system/cpu/cpufreq/boost") ?? (Flag("sys/devices/system/cpu/intel_pstate/no_turbo") is { } off ? !off : null);

    private string? Hypervisor(string? cpuFlags)
    {
        var virtualized = cpuFlags?.Split(' ').Contains("hypervisor") ?? false;
        var vendor = Text("sys/class/dmi/id/sys_vendor") ?? Text("sys/hypervisor/type");
        return virtualized ? vendor ?? "unnamed" : null;
    }

    private Dictionary<string, string> Mitigations()
    {
        var folder = Path.Combine(root, "sys/devices/system/cpu/vulnerabilities");
        return Directory.Exists(folder)
            ? Directory.GetFiles(folder).Order(StringComparer.Ordinal).ToDictionary(file => Path.GetFileName(file), file => Text(file) ?? "")
            : [];
    }

    // The line is "Max open files   1024   4096   files": the name, then the soft limit.
    private string? Limit(string name) =>
        Lines("proc/self/limits").FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal)) is { } line
            ? line[name.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries)[0]
            : null;

    private static string? Field(string[] lines, string name)
    {
        foreach (var line in lines)
        {
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon > 0 && line[..colon].TrimEnd() == name)
            {
                return line[(colon + 1)..].Trim();
            }
        }
        return null;
    }

    private bool? Flag(string path) => Text(path) switch { "1" => true, "0" => false, _ => null };

    private static long? Number(string? text) => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;

    private string[] Lines(string path) => Text(path)?.Split('\n') ?? [];

    private string? Text(string path)
    {
        try
        {
            return File.ReadAllText(Path.Combine(root, path)).Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Absent on this kernel or closed to this user: either way the fact is not to be had.
            return null;
        }
    }
}
