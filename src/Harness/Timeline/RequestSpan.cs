using Harness.Nbd;

namespace Harness.Timeline;

/// <summary>One request on its way: put into a send, sent whole, answered, over. A time that is not known is null.</summary>
internal sealed class RequestSpan(ulong cookie, long gatheredNs, long lastByte, int wireBytes)
{
    /// <summary>As on the wire: the generation of its place in the table of requests, and the place.</summary>
    public ulong Cookie => cookie;

    /// <summary>Its place in the table of requests; another request takes it afterwards.</summary>
    public int Slot => (int)(uint)cookie;

    public long GatheredNs => gatheredNs;

    /// <summary>When the kernel had taken its last byte.</summary>
    public long? SentNs { get; private set; }

    /// <summary>When the receive that brought its reply's first byte was over.</summary>
    public long? AnsweredNs { get; private set; }

    /// <summary>When its reply had come whole.</summary>
    public long? EndedNs { get; private set; }

    /// <summary>Bytes of data that came with its reply.</summary>
    public int DataBytes { get; private set; }

    /// <summary>What it is, as far as can be told from what was sent and received.</summary>
    public string Name => DataBytes > 0 ? $"READ {DataBytes}" : wireBytes > Requests.ExtendedSize ? $"WRITE {wireBytes}" : "request";

    /// <summary>All requests of a recording that began with nothing in flight, in the order in which they were sent.</summary>
    public static IReadOnlyList<RequestSpan> Of(ClientTimeline timeline)
    {
        var spans = new List<RequestSpan>();
        var open = new Dictionary<ulong, RequestSpan>();
        var unsent = new Queue<RequestSpan>();
        long gatheredBytes = 0;
        long sentBytes = 0;
        for (int i = 0; i < timeline.Count; i++)
        {
            TimelineEntry entry = timeline[i];
            if (entry is { Side: TimelineSide.Write, IsRequest: true })
            {
                gatheredBytes += entry.Bytes;
                var span = new RequestSpan(entry.Cookie, entry.TimeNs, gatheredBytes, entry.Bytes);
                spans.Add(span);
                unsent.Enqueue(span);
                open[entry.Cookie] = span;
            }
            else if (entry is { Side: TimelineSide.Write, EndsWait: true })
            {
                sentBytes += entry.Bytes;
                while (unsent.TryPeek(out RequestSpan? first) && first.LastByte <= sentBytes)
                {
                    unsent.Dequeue().SentNs = entry.TimeNs;
                }
            }
            else if (entry is { Side: TimelineSide.Read, Cookie: not 0 } && open.TryGetValue(entry.Cookie, out RequestSpan? answered))
            {
                answered.Take(entry);
            }
        }

        return spans;
    }

    private long LastByte => lastByte;

    private void Take(in TimelineEntry entry)
    {
        AnsweredNs ??= entry.TimeNs;
        DataBytes += entry.Bytes;
        EndedNs = entry.IsRequest ? entry.TimeNs : EndedNs;
    }
}
