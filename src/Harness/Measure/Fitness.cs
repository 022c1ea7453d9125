namespace Harness.Measure;

/// <summary>
/// Which warnings make a machine unfit under <c>--strict</c>: those that make timed figures wrong, and that the user can do something about. That it is a
/// virtual machine, or has two CPUs, or boosts its clock, is no such thing by itself: where that does harm, it shows as steal or other load in the cells.
/// Nor is it that a guest's idle CPUs halt at once: that is the same for all cells, and no run is compared to one that says otherwise.
/// </summary>
internal static class Fitness
{
    private static readonly HashSet<string> s_unfit =
    [
        // Known before anything runs.
        "debug-build", "one-cpu", "busy", "governor", "clocksource", "not-pinned", "shared-core",

        // Known when a cell has run.
        "steal", "other-load", "tiering",
    ];

    /// <summary>The warnings that make it unfit, in their order.</summary>
    public static IReadOnlyList<Warning> Faults(IEnumerable<Warning> warnings) => [.. warnings.Where(warning => s_unfit.Contains(warning.Id))];
}
