using System.Globalization;

namespace Harness.Timeline;

/// <summary>What <c>harness timeline</c> prints for people: for each state how often, how long, and what it waited for.</summary>
internal static class TimelineText
{
    public static void Write(Recording recording, string shape, TextWriter text)
    {
        TimelineDocument document = recording.Document();
        text.WriteLine($"{document.Uri} · {shape}");
        text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{document.Ops:n0} operations in {document.Seconds * 1e3:n1} ms, {document.Entries:n0} entries"));
        if (document.EntriesLost > 0)
        {
            text.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"the ring has lost its first {document.EntriesLost:n0} entries, so the beginning is missing; use a larger --entries or fewer --ops"));
        }

        text.WriteLine($"{"side",-5} {"state",-14} {"times",9} {"total ms",10} {"share",6} {"waited ms",10} {"p50 µs",9} {"p99 µs",9}  waits for");
        foreach (StateFigures state in document.States)
        {
            text.WriteLine(Row(state));
        }
    }

    private static string Row(StateFigures state)
    {
        string Number(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
        return $"{state.Side,-5} {state.State,-14} {Number(state.Count, "n0"),9} {Number(state.TotalUs / 1e3, "n2"),10} {Number(state.Share * 100, "0.0"),5}% "
            + $"{Number(state.WaitedUs / 1e3, "n2"),10} {Number(state.P50Us, "n1"),9} {Number(state.P99Us, "n1"),9}  {state.WaitsFor}";
    }
}
