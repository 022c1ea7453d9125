using System.Globalization;
using Harness.Measure;

namespace Harness.Run;

/// <summary>Which CPU each of the two processes has to itself.</summary>
/// <param name="ServerCpu">Null where the process is not pinned.</param>
/// <param name="LoadCpu">Null where the process is not pinned.</param>
/// <param name="Warnings">What is not as it should be about that.</param>
internal sealed record Pinning(int? ServerCpu, int? LoadCpu, IReadOnlyList<Warning> Warnings)
{
    /// <summary>All that this process may use.</summary>
    private IReadOnlyList<int> Allowed { get; init; } = [];

    /// <summary>The CPUs that are measured: the server's and the load generator's, or all that may be used where neither process is pinned.</summary>
    /// <param name="loops">Event loops of the server.</param>
    /// <param name="threads">Threads of the load generator that each drive a loop.</param>
    /// <param name="hasBehind">Whether the server serves from a second one.</param>
    public IReadOnlyList<int> Cpus(int loops, int threads = 1, bool hasBehind = false) => LoadCpu is not null
        ? [.. ServerCpus(loops).Concat(LoadCpus(threads, loops)).Concat(hasBehind ? BehindCpus(loops, threads) : []).Distinct()]
        : Allowed;

    /// <summary>
    /// The CPUs of a load generator: as many as it has threads that drive loops, or as the server leaves; its threads share one where no other is left. Empty
    /// where it is not pinned.
    /// </summary>
    public IEnumerable<int> LoadCpus(int threads, int loops) => LoadCpu is { } first
        ? Allowed.Except(ServerCpus(loops)).Where(cpu => cpu != first).OrderBy(cpu => cpu < first).Prepend(first).Take(threads)
        : [];

    /// <summary>
    /// The CPUs of a server: as many as it has loops, or as there are beside the load generator's; the lowest ones last, since they handle interrupts. Empty
    /// where it is not pinned.
    /// </summary>
    public IEnumerable<int> ServerCpus(int loops) => ServerCpu is { } first
        ? Allowed.Where(cpu => cpu != first && cpu != LoadCpu).OrderBy(cpu => cpu < first).Prepend(first).Take(loops)
        : [];

    /// <summary>
    /// The CPUs of a second server behind the first: as many as it has loops, or as the two others leave; the load generator's where they leave none, since
    /// that has less to do than the server, which is both a server and a client. Empty where it is not pinned.
    /// </summary>
    public IEnumerable<int> BehindCpus(int loops, int threads)
    {
        int[] load = [.. LoadCpus(threads, loops)];
        int[] left = [.. load.Length == 0 ? [] : Allowed.Except(ServerCpus(loops)).Except(load).OrderBy(cpu => cpu < load[0]).Take(loops)];
        return left.Length > 0 ? left : load.Length > 0 ? load : ServerCpus(loops);
    }

    /// <summary>
    /// Two CPUs of different cores, the lowest that this process may use. With four and more the core of the first one is left to the rest of the
    /// machine: most interrupts are handled there.
    /// </summary>
    /// <param name="facts">The environment.</param>
    /// <param name="shareCore">Whether two CPUs are hardware threads of one core.</param>
    public static Pinning Choose(EnvironmentFacts facts, Func<int, int, bool> shareCore)
    {
        var cpus = CpuList.Parse(facts.CpusAllowed ?? "");
        if (cpus.Count == 0 || !HasTaskset())
        {
            return new Pinning(null, null, [new Warning("not-pinned", "server and load generator are not pinned, so the scheduler moves them about", "install taskset (Debian: apt install util-linux)")]) { Allowed = cpus };
        }
        if (cpus.Count == 1)
        {
            // That they share it is among the warnings about the environment already.
            return new Pinning(cpus[0], cpus[0], []) { Allowed = cpus };
        }
        var quiet = cpus.Count >= 4 ? [.. cpus.Where(cpu => cpu != cpus[0] && !shareCore(cpus[0], cpu))] : cpus;
        var chosen = Apart(quiet, shareCore) ?? Apart(cpus, shareCore) ?? new Pinning(cpus[0], cpus[1], [SharedCore(cpus[0], cpus[1])]);
        return chosen with { Allowed = cpus };
    }

    private static Pinning? Apart(IReadOnlyList<int> cpus, Func<int, int, bool> shareCore)
    {
        foreach (var cpu in cpus.Skip(1))
        {
            if (!shareCore(cpus[0], cpu))
            {
                return new Pinning(cpus[0], cpu, []);
            }
        }
        return null;
    }

    private static Warning SharedCore(int a, int b) => new(
        "shared-core",
        $"CPU {a} and CPU {b} are hardware threads of one core, so server and load generator slow each other down",
        "allow CPUs of two cores (taskset -c …), or switch SMT off: echo off > /sys/devices/system/cpu/smt/control");

    /// <summary>The words before a command that pin it.</summary>
    public static IEnumerable<string> Prefix(int? cpu) => cpu is { } n ? Prefix([n]) : [];

    /// <inheritdoc cref="Prefix(int?)"/>
    public static IEnumerable<string> Prefix(int[] cpus) =>
        cpus.Length > 0 ? ["taskset", "-c", string.Join(',', cpus.Select(cpu => cpu.ToString(CultureInfo.InvariantCulture)))] : [];

    private static bool HasTaskset() => ProgramPath.Find("taskset") is not null;
}
