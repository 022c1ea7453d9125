using System.Text.Json;
using System.Xml.Linq;
using Harness.Nbd;
using Harness.Timeline;

namespace Harness.Tests;

/// <summary>What a timeline says of a server that sleeps 1 ms before each reply's header and 2 ms in the middle of each READ's data: exactly that.</summary>
public class TimelineTests
{
    private const long HeaderNs = 1_000_000;
    private const long MiddleNs = 2_000_000;
    private const int Ops = 40;

    [Theory]
    [InlineData(4096, 1, "Payload")]
    [InlineData(4096, 8, "Payload")]
    [InlineData(256 << 10, 1, "PayloadDirect")]
    [InlineData(256 << 10, 4, "PayloadDirect")]
    public void Times_are_those_of_the_states_in_which_they_were_spent(int bytes, int depth, string data)
    {
        using var world = new TimelineWorld(TimelineWorld.Reads(bytes, depth), HeaderNs, MiddleNs);
        Recording recording = world.Record(Ops);
        StateFigures header = State(recording, "read", "ReplyHeader");
        StateFigures payload = State(recording, "read", data);
        AssertStays(header, HeaderNs);
        AssertStays(payload, MiddleNs);
        Assert.Equal("the server to answer", header.WaitsFor);
        Assert.Equal("more of the data", payload.WaitsFor);
        Assert.Equal(1.0 / 3, header.Share, 12);
        Assert.Equal(2.0 / 3, payload.Share, 12);
        Assert.Equal(Ops * (HeaderNs + MiddleNs) / 1e9, recording.Seconds, 12);
        Assert.Equal(0, recording.Timeline.Lost);
    }

    [Fact]
    public void A_reply_without_data_is_a_stay_of_its_own()
    {
        using var world = new TimelineWorld(TimelineWorld.Reads(4096, 2) with { ReadPercent = 0 }, HeaderNs, MiddleNs);
        AssertStays(State(world.Record(Ops), "read", "ReplyHeader"), HeaderNs);
    }

    [Fact]
    public void The_write_side_waits_for_the_caller_all_the_time()
    {
        using var world = new TimelineWorld(TimelineWorld.Reads(4096, 1), HeaderNs, MiddleNs);
        StateFigures ready = State(world.Record(Ops), "write", "Ready");
        Assert.Equal(Ops, ready.Count);

        // All but the time of the last reply, after which no request comes.
        Assert.Equal((Ops - 1) * (HeaderNs + MiddleNs) / 1e3, ready.TotalUs, 6);
        Assert.Equal(ready.TotalUs, ready.WaitedUs, 6);
    }

    [Fact]
    public void The_table_says_it_in_words()
    {
        using var world = new TimelineWorld(TimelineWorld.Reads(4096, 1), HeaderNs, MiddleNs);
        using var text = new StringWriter { NewLine = "\n" };
        TimelineText.Write(world.Record(Ops), "reads", text);
        string table = """
            nbd://simulated · reads
            40 operations in 120.0 ms, 520 entries
            side  state              times   total ms  share  waited ms    p50 µs    p99 µs  waits for
            write Ready                 40     117.00 100.0%     117.00   3,000.0   3,000.0  the caller to submit a request
            write Gathering             40       0.00   0.0%       0.00       0.0       0.0  the end of this turn of the loop
            write Sending               40       0.00   0.0%       0.00       0.0       0.0  the kernel to take the requests
            read  ReplyHeader           40      40.00  33.3%      40.00   1,000.0   1,000.0  the server to answer
            read  Payload               40      80.00  66.7%      80.00   2,000.0   2,000.0  more of the data

            """;
        Assert.Equal(table, text.ToString());
    }

    [Fact]
    public void A_request_is_followed_from_its_send_to_the_end_of_its_reply()
    {
        using var world = new TimelineWorld(TimelineWorld.Reads(4096, 1), HeaderNs, MiddleNs);
        Recording recording = world.Record(Ops);
        Assert.Equal(Ops, recording.Requests.Count);
        Assert.All(recording.Requests, request =>
        {
            Assert.Equal(request.GatheredNs, request.SentNs);
            Assert.Equal(request.GatheredNs + HeaderNs, request.AnsweredNs);
            Assert.Equal(request.GatheredNs + HeaderNs + MiddleNs, request.EndedNs);
            Assert.Equal("READ 4096", request.Name);
        });
    }

    [Fact]
    public void The_ring_keeps_the_newest_and_says_what_is_lost()
    {
        using var world = new TimelineWorld(TimelineWorld.Reads(4096, 1), HeaderNs, MiddleNs, entries: 50);
        Recording recording = world.Record(Ops);
        Assert.Equal(64, recording.Timeline.Count);
        Assert.True(recording.Timeline.Lost > 0);
        Assert.Equal(recording.Timeline[0].TimeNs, recording.StartNs);
        StateFigures payload = State(recording, "read", "Payload");
        Assert.Equal(MiddleNs / 1e3, payload.P50Us, 6);
    }

    [Fact]
    public void The_trace_is_valid_and_its_slices_lie_within_each_other()
    {
        using var world = new TimelineWorld(TimelineWorld.Reads(4096, 4) with { ReadPercent = 50 }, HeaderNs, MiddleNs);
        using JsonDocument trace = JsonDocument.Parse(ChromeTrace.Of(world.Record(Ops)));
        JsonElement[] events = [.. trace.RootElement.GetProperty("traceEvents").EnumerateArray()];
        JsonElement[] slices = [.. events.Where(one => one.GetProperty("ph").GetString() == "X")];
        string[] tracks =
        [
            .. from one in events
               where one.GetProperty("name").GetString() == "thread_name"
               select one.GetProperty("args").GetProperty("name").GetString()!,
        ];
        Assert.Equal(["write side: requests to the server", "read side: replies from the server", "request 0", "request 1", "request 2", "request 3"], tracks);
        Assert.Equal(Ops, events.Count(one => one.GetProperty("ph").GetString() == "s"));
        Assert.Equal(Ops, events.Count(one => one.GetProperty("ph").GetString() == "f"));
        foreach (IGrouping<int, JsonElement> track in slices.GroupBy(slice => slice.GetProperty("tid").GetInt32()))
        {
            AssertNested(track);
        }
    }

    [Fact]
    public void The_picture_is_well_formed_and_shows_both_sides()
    {
        using var world = new TimelineWorld(TimelineWorld.Reads(4096, 2), HeaderNs, MiddleNs);
        string svg = TimelineSvg.Of(world.Record(Ops), "reads <of> a test", TimeSpan.FromMilliseconds(9));
        XElement root = XDocument.Parse(svg).Root!;
        string[] titles = [.. root.Descendants().Where(element => element.Name.LocalName == "title").Select(title => title.Value)];
        Assert.Contains("Payload: waits for more of the data, 2,000.0 µs", titles);
        Assert.Contains("ReplyHeader: waits for the server to answer, 1,000.0 µs", titles);
        Assert.Contains(titles, title => title.StartsWith("Ready: waits for the caller", StringComparison.Ordinal));
        Assert.Contains("9,000.0 µs from the middle of", root.Value, StringComparison.Ordinal);
    }

    private static StateFigures State(Recording recording, string side, string state) =>
        Assert.Single(recording.Document().States, figures => figures.Side == side && figures.State == state);

    // Every operation has one such stay of just this time, all of it waiting.
    private static void AssertStays(StateFigures figures, long ns)
    {
        Assert.Equal(Ops * ns / 1e3, figures.TotalUs, 6);
        Assert.Equal(figures.TotalUs, figures.WaitedUs, 6);
        Assert.Equal(Ops, figures.Count);
        Assert.Equal(ns / 1e3, figures.P50Us, 6);
        Assert.Equal(ns / 1e3, figures.P99Us, 6);
    }

    private static void AssertNested(IEnumerable<JsonElement> track)
    {
        var open = new Stack<decimal>();
        IEnumerable<(decimal Start, decimal End)> slices = track
            .Select(slice => (slice.GetProperty("ts").GetDecimal(), slice.GetProperty("ts").GetDecimal() + slice.GetProperty("dur").GetDecimal()))
            .OrderBy(slice => slice.Item1).ThenByDescending(slice => slice.Item2);
        foreach ((decimal start, decimal end) in slices)
        {
            while (open.TryPeek(out decimal outer) && outer <= start)
            {
                open.Pop();
            }

            Assert.True(!open.TryPeek(out decimal around) || end <= around, $"a slice to {end} sticks out of one to {around}");
            open.Push(end);
        }
    }
}
