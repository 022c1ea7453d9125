using System.Globalization;

namespace Harness.Measure;

/// <summary>What spoiled a measurement while it went on. The bounds are where the effect on the figures begins to show beside their own spread.</summary>
internal static class SpoiledCell
{
    /// <summary>Of the measured CPUs' time, in percent.</summary>
    public const double MaxStealPercent = 1;

    /// <inheritdoc cref="MaxStealPercent"/>
    public const double MaxOtherPercent = 5;

    /// <summary>
    /// Methods that a side may compile in the measured part. Tiering that has not ended raises them by the hundred; after its end one or the other
    /// helper still reaches its thirtieth call, up to 20 of them on a busy machine, which costs a few milliseconds on another thread.
    /// </summary>
    public const int MaxJitMethods = 20;

    /// <summary>The ids of all warnings that come from here.</summary>
    public static readonly IReadOnlySet<string> Ids = new HashSet<string> { "steal", "other-load", "tiering" };

    /// <param name="disturbance">What took CPU time from it; null where it was not watched.</param>
    /// <param name="clientJitMethods">Methods that the load generator compiled in the measured part; null where not known.</param>
    /// <param name="serverJitMethods">Those that the server compiled.</param>
    public static IReadOnlyList<Warning> Of(Disturbance? disturbance, long? clientJitMethods, long? serverJitMethods)
    {
        IEnumerable<Warning?> all = [Steal(disturbance?.StealPercent), Other(disturbance?.OtherPercent), Tiering(clientJitMethods, serverJitMethods)];
        return [.. all.OfType<Warning>()];
    }

    /// <summary>One warning about the run for each kind that its measurements had, in the words of the first such measurement.</summary>
    /// <param name="measurements">The warnings of each.</param>
    public static IReadOnlyList<Warning> Summary(IReadOnlyList<IReadOnlyList<Warning>> measurements) =>
    [
        .. measurements.SelectMany(warnings => warnings).GroupBy(warning => warning.Id).Select(same =>
        {
            var first = same.First();
            var count = measurements.Count(warnings => warnings.Any(warning => warning.Id == first.Id));
            return first with { Text = string.Create(CultureInfo.InvariantCulture, $"in {count} of {measurements.Count} measurements, as in this one: {first.Text}") };
        }),
    ];

    private static Warning? Steal(double? percent) => percent is not > MaxStealPercent ? null
        : new("steal", Text($"the host gave {percent:0.#} % of the measured CPUs' time to other guests"), "measure again at a quieter time, or on a host that is not shared");

    private static Warning? Other(double? percent) => percent is not > MaxOtherPercent ? null
        : new("other-load", Text($"other processes used {percent:0.#} % of the measured CPUs' time"), "end them, or keep them off these CPUs (taskset, cpusets, isolcpus=)");

    private static Warning? Tiering(long? client, long? server) => client is not > MaxJitMethods && server is not > MaxJitMethods ? null
        : new("tiering", Text($"code was still being compiled in the measured part ({Methods(server)} by the server, {Methods(client)} by the load generator), so some of it ran slower code"), "a longer warm-up: warmup: in the matrix, --warmup of harness load");

    private static string Methods(long? count) => count switch
    {
        null => "an unknown number of methods",
        1 => "1 method",
        _ => Text($"{count} methods"),
    };

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
