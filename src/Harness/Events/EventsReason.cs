using System.Globalization;
using Harness.Matrix;
using Harness.Report;

namespace Harness.Events;

/// <summary>What the figures at one number of tokens say about what decides: whether fewer system calls go with more events.</summary>
internal static class EventsReason
{
    // Variants whose calls are nearer to each other than that make the same, but for how batches fell.
    private const double SameCalls = 1.05;

    // Where so many pairs agree, the exceptions are for the reader to look at, and the rule holds.
    private const double Decides = 0.75;

    /// <summary>One sentence without a full stop; null where there are not two variants whose calls are known.</summary>
    /// <param name="place">The variants at one number of tokens.</param>
    public static string? Of(IReadOnlyList<EventFigures> place)
    {
        EventFigures[] counted = [.. place.Where(variant => variant.SyscallsPerEvent > 0)];
        if (counted.Length < 2)
        {
            return null;
        }
        EventFigures first = counted.MaxBy(variant => variant.EventsPerSecond)!;
        EventFigures? tevent = counted.FirstOrDefault(variant => variant is { Backend: Vocabulary.BaselineBackend, Variant: EventVariants.OneByOne });
        string most = tevent is null || tevent == first || first.RatioToEpoll1 is not { } ratio
            ? $"{Name(first)}, at {Calls(first)} system calls for each"
            : string.Create(CultureInfo.InvariantCulture, $"{Name(first)}, {ratio.Median:0.00} times those of {Name(tevent)}, at {Calls(first)} system calls for each against {Calls(tevent)}");
        return $"the most events come from {most}; {Rule(counted)}";
    }

    private static string Rule(EventFigures[] counted)
    {
        (EventFigures Fewer, EventFigures More)[] pairs =
        [
            .. from a in counted
               from b in counted
               where b.SyscallsPerEvent >= a.SyscallsPerEvent * SameCalls
               select (a, b),
        ];
        if (pairs.Length == 0)
        {
            return "no two variants differ in their system calls per event, so something else decides";
        }
        int faster = pairs.Count(pair => pair.Fewer.EventsPerSecond > pair.More.EventsPerSecond);
        string verdict = faster >= Decides * pairs.Length ? "system calls per event decide" : "system calls per event alone do not decide";
        return string.Create(
            CultureInfo.InvariantCulture, $"{verdict}: of two variants that differ in them, the one that makes fewer is faster in {faster} of {pairs.Length} pairs");
    }

    private static string Calls(EventFigures variant) => Figures.Short(variant.SyscallsPerEvent);

    private static string Name(EventFigures variant) => $"{variant.Backend} {variant.Variant}";
}
