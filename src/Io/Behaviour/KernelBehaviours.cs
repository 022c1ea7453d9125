namespace Harness.Io;

/// <summary>
/// How io_uring behaves on the running kernel where manuals are silent or kernels differ, found out by trying: a table of small experiments, each with its own
/// ring. Takes less than a second.
/// </summary>
public static class KernelBehaviours
{
    private static IEnumerable<Experiment> Experiments =>
    [
        .. CloseExperiments.All, .. CancelExperiments.All, .. PollExperiments.All, .. QueueExperiments.All, .. SendExperiments.All, .. ZeroCopyExperiments.All,
    ];

    /// <summary>Tries all, one after the other, on the calling thread; any thread may call it.</summary>
    /// <returns>A row for each experiment, in an order that is always the same; empty where there is no io_uring.</returns>
    public static IReadOnlyList<KernelBehaviour> Try() =>
        RingProbe.TryRun(out RingProbe? probe, out _) ? [.. Experiments.Select(experiment => experiment.Run(probe))] : [];
}
