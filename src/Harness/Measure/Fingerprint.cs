using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Harness.Measure;

/// <summary>
/// The facts that must match for two runs to be comparable, by name, in a fixed order. Left out are facts that change from minute to minute (load average),
/// memory that is far larger than what is measured, and the commit, which is what one compares. A fact that could not be had is null, and equal only to null.
/// </summary>
internal sealed class Fingerprint
{
    /// <summary>The lines that belong to the kernel itself, for a comparison in which the kernel is the declared factor.</summary>
    public static readonly IReadOnlySet<string> KernelLines = new HashSet<string>(StringComparer.Ordinal)
    {
        "kernel_release", "kernel_version", "io_uring_features", "io_uring_setup_flags", "io_uring_opcodes",
    };

    private readonly (string Name, string? Value)[] _lines;

    private Fingerprint((string Name, string? Value)[] lines)
    {
        _lines = lines;
        Hash = HashOf(lines);
    }

    /// <summary>Twelve hexadecimal digits of the SHA-256 over all lines: equal where the fingerprints are.</summary>
    public string Hash { get; }

    /// <summary>Every line; a value is null where the fact could not be had.</summary>
    public IReadOnlyList<(string Name, string? Value)> Lines => _lines;

    /// <param name="facts">The environment.</param>
    /// <param name="serverCpu">The CPU that the server was pinned to; null where it was not.</param>
    /// <param name="loadCpu">The CPU that the load generator was pinned to; null where it was not.</param>
    /// <param name="forcedCongestionControl">What TCP cells are set to; null where the machine's default holds.</param>
    public static Fingerprint Of(EnvironmentFacts facts, int? serverCpu, int? loadCpu, string? forcedCongestionControl) => new(
    [
        .. Kernel(facts),
        .. Processor(facts),
        ("server_cpu", Text(serverCpu)),
        ("load_cpu", Text(loadCpu)),
        ("tcp_congestion_control", forcedCongestionControl ?? facts.TcpCongestionControl),
        .. Network(facts),
        ("limit_memlock", facts.LimitMemlock),
        ("limit_nofile", facts.LimitNofile),
        .. Ring(facts),
        .. Dotnet(facts.Dotnet),
    ]);

    /// <summary>One line for each fact that differs: its name, then both values.</summary>
    /// <param name="a">The run that is named first.</param>
    /// <param name="b">The run that is named second.</param>
    /// <param name="except">Names that may differ, such as <see cref="KernelLines"/>; null for none.</param>
    public static IReadOnlyList<string> Differences(Fingerprint a, Fingerprint b, IReadOnlySet<string>? except = null)
    {
        // Lines such as one mitigation exist only where the kernel has them, so both sides are asked for both sides' names.
        var left = a._lines.ToDictionary(line => line.Name, line => line.Value);
        var right = b._lines.ToDictionary(line => line.Name, line => line.Value);
        return
        [
            .. a._lines.Concat(b._lines)
                .Select(line => line.Name)
                .Distinct()
                .Where(name => except?.Contains(name) != true && left.GetValueOrDefault(name) != right.GetValueOrDefault(name))
                .Select(name => $"{name}: {Shown(left.GetValueOrDefault(name))} against {Shown(right.GetValueOrDefault(name))}"),
        ];
    }

    private static IEnumerable<(string, string?)> Kernel(EnvironmentFacts facts) =>
    [
        ("kernel_release", facts.KernelRelease),
        ("kernel_version", facts.KernelVersion),
        ("kernel_cmdline", facts.KernelCmdline),
        .. facts.Mitigations.OrderBy(entry => entry.Key, StringComparer.Ordinal).Select(entry => ($"mitigation_{entry.Key}", (string?)entry.Value)),
    ];

    private static IEnumerable<(string, string?)> Processor(EnvironmentFacts facts) =>
    [
        ("cpu_model", facts.CpuModel),
        ("microcode", facts.Microcode),
        ("cpu_count", Text(facts.CpuCount)),
        ("cpus_allowed", facts.CpusAllowed),
        ("smt", Text(facts.Smt)),
        ("governor", facts.Governor),
        ("boost", Text(facts.Boost)),
        ("hypervisor", facts.Hypervisor),
        ("clocksource", facts.Clocksource),
    ];

    private static IEnumerable<(string, string?)> Network(EnvironmentFacts facts) =>
    [
        ("default_qdisc", facts.DefaultQdisc),
        ("tcp_rmem", facts.TcpRmem),
        ("tcp_wmem", facts.TcpWmem),
        ("rmem_max_bytes", Text(facts.RmemMaxBytes)),
        ("wmem_max_bytes", Text(facts.WmemMaxBytes)),
    ];

    private static IEnumerable<(string, string?)> Ring(EnvironmentFacts facts) =>
    [
        ("io_uring_disabled", facts.IoUringDisabled),
        ("io_uring_available", Text(facts.IoUring.Available)),
        ("io_uring_features", facts.IoUring.Features),
        ("io_uring_setup_flags", facts.IoUring.SetupFlags),
        ("io_uring_opcodes", string.Join(' ', facts.IoUring.Opcodes)),
    ];

    private static IEnumerable<(string, string?)> Dotnet(DotnetFacts dotnet) =>
    [
        ("dotnet_version", dotnet.Version),
        ("dotnet_architecture", dotnet.Architecture),
        ("dotnet_gc_mode", dotnet.GcMode),
        ("dotnet_tiered_compilation", Text(dotnet.TieredCompilation)),
        ("dotnet_tiered_pgo", Text(dotnet.TieredPgo)),
        ("dotnet_debug_build", Text(dotnet.DebugBuild)),
        .. dotnet.Knobs.OrderBy(entry => entry.Key, StringComparer.Ordinal).Select(entry => (entry.Key, (string?)entry.Value)),
    ];

    private static string HashOf(IEnumerable<(string Name, string? Value)> lines)
    {
        // Null is told from empty, and no value holds a line break.
        var text = string.Concat(lines.Select(line => line.Value is null ? $"{line.Name}\n" : $"{line.Name}={line.Value}\n"));
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..12];
    }

    private static string? Text<T>(T? value)
        where T : struct, IFormattable => value?.ToString(null, CultureInfo.InvariantCulture);

    private static string? Text(bool? value) => value switch { true => "yes", false => "no", null => null };

    private static string Shown(string? value) => value is null ? "not known" : $"'{value}'";
}
