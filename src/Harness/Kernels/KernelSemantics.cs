using System.Text.Json;
using Harness.Io;
using Harness.Report;
using Harness.Results;

namespace Harness.Kernels;

/// <summary>What <c>harness probe</c> found on each kernel, side by side: what <c>harness kernels probe --json</c> prints.</summary>
internal sealed record KernelSemantics
{
    /// <summary>The kernels, oldest first.</summary>
    public required IReadOnlyList<KernelColumn> Kernels { get; init; }

    /// <summary>Which backends run on each.</summary>
    public required IReadOnlyList<KernelBackendRow> Backends { get; init; }

    /// <summary>What each kernel's io_uring has that the one before it lacks, in the order of the kernels; of the first all that it has.</summary>
    public required IReadOnlyList<KernelArrivals> Arrivals { get; init; }

    /// <summary>The experiments.</summary>
    public required IReadOnlyList<KernelBehaviourRow> Behaviours { get; init; }

    /// <param name="probed">Oldest first.</param>
    public static KernelSemantics Of(IReadOnlyList<ProbedKernel> probed) => Of(
        KernelColumn.Named([.. probed.Select(kernel => new KernelColumn(kernel.Release, "", kernel.Version, kernel.Folder, kernel.Started))]),
        [.. probed.Select(kernel => kernel.Probe)]);

    /// <param name="kernels">Oldest first.</param>
    /// <param name="probes">In the same order; null where a kernel was not asked.</param>
    public static KernelSemantics Of(IReadOnlyList<KernelColumn> kernels, IReadOnlyList<ProbeDocument?> probes)
    {
        KernelBehaviour? Behaviour(ProbeDocument? probe, string name) => probe?.Behaviours?.FirstOrDefault(behaviour => behaviour.Name == name);
        BackendState? Backend(ProbeDocument? probe, string name) => probe?.Backends.FirstOrDefault(backend => backend.Name == name);
        return new KernelSemantics
        {
            Kernels = kernels,
            Backends = [.. probes.SelectMany(probe => probe?.Backends ?? []).Select(backend => backend.Name).Distinct()
                .Select(name => new KernelBackendRow(name, [.. probes.Select(probe => Backend(probe, name))]))],
            Arrivals = [.. probes.Select((probe, at) => KernelArrivals.Of(kernels[at], probe, probes.Take(at).LastOrDefault(before => before is not null)))],
            Behaviours = [.. probes.SelectMany(probe => probe?.Behaviours ?? []).DistinctBy(behaviour => behaviour.Name)
                .Select(behaviour => KernelBehaviourRow.Of(behaviour, kernels, [.. probes.Select(probe => Behaviour(probe, behaviour.Name))]))],
        };
    }

    /// <summary>The probe in a folder of results; null where there is none, or none that can be read.</summary>
    public static ProbeDocument? ProbeIn(string folder)
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllText(Path.Combine(folder, KernelResults.ProbeFile)), ResultsJson.Document.ProbeDocument);
        }
        catch (Exception e) when (e is JsonException || FileTrouble.Is(e))
        {
            return null;
        }
    }
}

/// <summary>A backend on every kernel.</summary>
/// <param name="Backend">Its name.</param>
/// <param name="States">In the order of the kernels; null where a kernel was not asked.</param>
internal sealed record KernelBackendRow(string Backend, IReadOnlyList<BackendState?> States);

/// <summary>What a kernel's io_uring has that the one before it lacks, by the names of <c>linux/io_uring.h</c>.</summary>
internal sealed record KernelArrivals
{
    /// <summary>The kernel's name.</summary>
    public required string Kernel { get; init; }

    /// <summary>Why it has none; null where it has one, or was not asked.</summary>
    public string? Refusal { get; init; }

    public required IReadOnlyList<string> Features { get; init; }
    public required IReadOnlyList<string> SetupFlags { get; init; }
    public required IReadOnlyList<string> Opcodes { get; init; }

    /// <summary>What the kernel before it has and this one lacks.</summary>
    public required IReadOnlyList<string> Gone { get; init; }

    internal bool IsTheSame => Refusal is null && Features.Count + SetupFlags.Count + Opcodes.Count + Gone.Count == 0;

    public static KernelArrivals Of(KernelColumn kernel, ProbeDocument? probe, ProbeDocument? before)
    {
        // Of a kernel that was not asked nobody knows what it lacks.
        IReadOnlyList<string> New(Func<ProbeDocument?, IEnumerable<string>> names) => [.. names(probe).Except(names(before))];
        IReadOnlyList<string> Gone(Func<ProbeDocument?, IEnumerable<string>> names) => probe is null ? [] : [.. names(before).Except(names(probe))];
        return new KernelArrivals
        {
            Kernel = kernel.Name,
            Refusal = probe?.Environment.IoUring.Refusal,
            Features = New(FeaturesOf),
            SetupFlags = New(FlagsOf),
            Opcodes = New(OpcodesOf),
            Gone = [.. Gone(FeaturesOf), .. Gone(FlagsOf), .. Gone(OpcodesOf)],
        };
    }

    private static IEnumerable<string> FeaturesOf(ProbeDocument? probe) => Words(probe?.Environment.IoUring.Features);

    private static IEnumerable<string> FlagsOf(ProbeDocument? probe) => Words(probe?.Environment.IoUring.SetupFlags);

    private static IEnumerable<string> OpcodesOf(ProbeDocument? probe) => probe?.Environment.IoUring.Opcodes ?? [];

    private static string[] Words(string? flags) => flags?.Split('|', StringSplitOptions.RemoveEmptyEntries) ?? [];
}

/// <summary>An experiment on every kernel.</summary>
internal sealed record KernelBehaviourRow
{
    /// <summary>What is tried.</summary>
    public required string Name { get; init; }

    /// <summary>What Linux 6.18 does.</summary>
    public required string Expected { get; init; }

    /// <summary>What follows for whoever writes a program on it.</summary>
    public required string Meaning { get; init; }

    /// <summary>What each kernel did, in the order of the kernels; null where it was not tried.</summary>
    public required IReadOnlyList<KernelBehaviour?> Seen { get; init; }

    /// <summary>The name of the first kernel that has what it takes, where one before it lacks it; else null.</summary>
    public string? Arrived { get; init; }

    /// <summary>The names of the kernels that do something else than the last one before them that has what it takes.</summary>
    public required IReadOnlyList<string> Changed { get; init; }

    public static KernelBehaviourRow Of(KernelBehaviour about, IReadOnlyList<KernelColumn> kernels, IReadOnlyList<KernelBehaviour?> seen)
    {
        int[] tried = [.. Enumerable.Range(0, seen.Count).Where(at => seen[at] is { Verdict: not BehaviourVerdict.Skipped })];
        bool lackedBefore = tried.Length > 0 && seen.Take(tried[0]).Any(before => before is { Verdict: BehaviourVerdict.Skipped });
        return new KernelBehaviourRow
        {
            Name = about.Name,
            Expected = about.Expected,
            Meaning = about.Meaning,
            Seen = seen,
            Arrived = lackedBefore ? kernels[tried[0]].Name : null,
            Changed = [.. tried.Zip(tried.Skip(1)).Where(pair => seen[pair.First]!.Seen != seen[pair.Second]!.Seen).Select(pair => kernels[pair.Second].Name)],
        };
    }
}
