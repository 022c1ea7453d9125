using System.Globalization;
using Harness.Measure;

namespace Harness.Run;

/// <summary>Which CPU each of the two processes has to itself.</summary>
/// <param name="ServerCpu">Null where the process is not pinned.</param>
/// <param name="LoadCpu">Null where the process is not pinned.</param>
/// <param name="Warnings">What is not as it should be about that.</param>
internal sealed record Pinning(int? ServerCpu, int? LoadCpu, IReadOnlyList<Warning> Warnings)
{
    /// <summary>The server gets the first CPU that this process may use, the load generator the second.</summary>
    public static Pinning Choose(EnvironmentFacts facts, Func<int, int, bool> shareCore)
    {
        var cpus = CpuList.Parse(facts.CpusAllowed ?? "");
        if (cpus.Count == 0 || !HasTaskset())
        {
            return new Pinning(null, null, [new Warning("not-pinned", "server and load generator are not pinned, so the scheduler moves them about", "install taskset (Debian: apt install util-linux)")]);
        }
        if (cpus.Count == 1)
        {
            // That they share it is among the warnings about the environment already.
            return new Pinning(cpus[0], cpus[0], []);
        }
        var shared = shareCore(cpus[0], cpus[1])
            ? new[] { new Warning("shared-core", $"CPU {cpus[0]} and CPU {cpus[1]} are hardware threads of one core, so server and load generator slow each other down", "allow CPUs of two cores (taskset -c …), or switch SMT off: echo off > /sys/devices/system/cpu/smt/control") }
            : [];
        return new Pinning(cpus[0], cpus[1], shared);
    }

    /// <summary>The words before a command that pin it.</summary>
    public static IEnumerable<string> Prefix(int? cpu) => cpu is { } n ? ["taskset", "-c", n.ToString(CultureInfo.InvariantCulture)] : [];

    private static bool HasTaskset() =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(folder => folder.Length > 0 && File.Exists(Path.Combine(folder, "taskset")));
}
