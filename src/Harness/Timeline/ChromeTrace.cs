using System.Globalization;
using System.Text.Json;
using Harness.Nbd;

namespace Harness.Timeline;

/// <summary>
/// A recording in the trace event format of Chrome, which Perfetto (ui.perfetto.dev) opens: a track for each side and one for each place in the table of
/// requests, and an arrow from the send of each request to the end of its reply.
/// </summary>
internal static class ChromeTrace
{
    private const int WriteTrack = 1;
    private const int ReadTrack = 2;
    private const int FirstSlotTrack = 10;

    /// <summary>The whole document: one event a line.</summary>
    public static string Of(Recording recording)
    {
        string[] events =
        [
            Meta("process_name", 0, $"\"name\":{Text(recording.Uri)}"),
            .. Track(WriteTrack, "write side: requests to the server"), .. Track(ReadTrack, "read side: replies from the server"),
            .. recording.Requests.Select(request => request.Slot).Distinct().Order().SelectMany(slot => Track(FirstSlotTrack + slot, $"request {slot}")),
            .. Side(TimelineSide.Write, recording.Write, WriteTrack, recording.StartNs),
            .. Side(TimelineSide.Read, recording.Read, ReadTrack, recording.StartNs),
            .. recording.Requests.SelectMany(request => Request(request, recording.StartNs)),
        ];
        return $"{{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n{string.Join(",\n", events)}\n]}}\n";
    }

    private static IEnumerable<string> Side(TimelineSide side, SideHistory history, int track, long startNs)
    {
        foreach (SideVisit visit in history.Visits.Where(visit => visit.EndNs > visit.StartNs))
        {
            (string name, string sentence, _) = StateFigures.Words(side, visit.State);
            yield return Slice(name, track, visit.StartNs, visit.EndNs, startNs, $",\"args\":{{\"is\":{Text(sentence)}}}");
        }

        // After their stays, which they lie in.
        foreach (SideInterval interval in history.Intervals.Where(interval => interval.IsWaiting))
        {
            foreach ((long fromNs, long toNs) in WithinVisits(history, interval))
            {
                yield return Slice($"waits for {StateFigures.Words(side, interval.State).WaitsFor}", track, fromNs, toNs, startNs, "");
            }
        }
    }

    /// <summary>The interval, cut where a stay ends: a reply without data ends a stay while the side goes on waiting.</summary>
    private static IEnumerable<(long FromNs, long ToNs)> WithinVisits(SideHistory history, SideInterval interval)
    {
        int index = FirstEndingAfter(history.Visits, interval.StartNs);
        for (; index < history.Visits.Count && history.Visits[index].StartNs < interval.EndNs; index++)
        {
            SideVisit visit = history.Visits[index];
            (long from, long to) = (Math.Max(visit.StartNs, interval.StartNs), Math.Min(visit.EndNs, interval.EndNs));
            if (to > from)
            {
                yield return (from, to);
            }
        }
    }

    private static int FirstEndingAfter(IReadOnlyList<SideVisit> visits, long timeNs)
    {
        (int low, int high) = (0, visits.Count);
        while (low < high)
        {
            int middle = (low + high) / 2;
            (low, high) = visits[middle].EndNs > timeNs ? (low, middle) : (middle + 1, high);
        }

        return low;
    }

    private static IEnumerable<string> Request(RequestSpan request, long startNs)
    {
        if (request.EndedNs is not { } endedNs)
        {
            yield break;
        }

        int track = FirstSlotTrack + request.Slot;
        string cookie = request.Cookie.ToString("x16", CultureInfo.InvariantCulture);
        yield return Slice(request.Name, track, request.GatheredNs, endedNs, startNs, $",\"args\":{{\"cookie\":\"{cookie}\"}}");
        long sentNs = Math.Min(request.SentNs ?? request.GatheredNs, endedNs);
        long answeredNs = Math.Max(request.AnsweredNs ?? endedNs, sentNs);
        (string, long, long)[] parts =
            [("sending", request.GatheredNs, sentNs), ("waiting for the reply", sentNs, answeredNs), ("receiving", answeredNs, endedNs)];
        foreach ((string name, long fromNs, long toNs) in parts)
        {
            if (toNs > fromNs)
            {
                yield return Slice(name, track, fromNs, toNs, startNs, "");
            }
        }

        string common = $"\"name\":\"request\",\"cat\":\"request\",\"pid\":1,\"id\":\"{cookie}\"";
        yield return $"{{\"ph\":\"s\",{common},\"tid\":{WriteTrack},\"ts\":{Us(request.GatheredNs - startNs)}}}";
        yield return $"{{\"ph\":\"f\",\"bp\":\"e\",{common},\"tid\":{ReadTrack},\"ts\":{Us(endedNs - startNs)}}}";
    }

    private static IEnumerable<string> Track(int track, string name) =>
        [Meta("thread_name", track, $"\"name\":{Text(name)}"), Meta("thread_sort_index", track, $"\"sort_index\":{track}")];

    private static string Meta(string what, int track, string argument) =>
        $"{{\"ph\":\"M\",\"name\":\"{what}\",\"pid\":1,\"tid\":{track},\"args\":{{{argument}}}}}";

    private static string Slice(string name, int track, long fromNs, long toNs, long startNs, string more) =>
        $"{{\"ph\":\"X\",\"name\":{Text(name)},\"pid\":1,\"tid\":{track},\"ts\":{Us(fromNs - startNs)},\"dur\":{Us(toNs - fromNs)}{more}}}";

    private static string Text(string text) => $"\"{JsonEncodedText.Encode(text)}\"";

    // Times of this format are microseconds; three decimals keep the nanoseconds.
    private static string Us(long ns) => (ns / 1e3).ToString("0.000", CultureInfo.InvariantCulture);
}
