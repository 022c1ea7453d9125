using System.Text.Json.Serialization;
using Harness.Io;

namespace Harness.Measure;

/// <summary>
/// What loops have done since their start, and what the kernel says of their threads. Filled in on the loop's thread without an allocation; a server sends it
/// as JSON, so it is named in full.
/// </summary>
internal sealed class WorkTotals
{
    /// <summary>The loops' clocks added up: two of these subtract to the wall time of all loops.</summary>
    public long TimeNs { get; set; }

    public long UserUs { get; set; }
    public long SystemUs { get; set; }

    /// <summary>Ready to run, without a CPU; null where the kernel does not tell.</summary>
    public double? RunnableUs { get; set; }

    /// <summary>Of the whole process.</summary>
    public long ProcessCpuUs { get; set; }

    /// <summary>Voluntary context switches of the loops' threads.</summary>
    public long WakeUps { get; set; }

    public long Turns { get; set; }
    public long Waits { get; set; }
    public long Looks { get; set; }
    public long UserCopiedBytes { get; set; }
    public long KernelCopiedBytes { get; set; }
    public BatchTotals CompletionsPerTurn { get; set; } = new();
    public BatchTotals MessagesPerReceive { get; set; } = new();
    public BatchTotals MessagesPerSend { get; set; } = new();

    /// <summary>By <see cref="SystemCall"/>.</summary>
    [JsonIgnore]
    public long[] SystemCalls { get; } = new long[LoopCounters.SystemCallNames];

    /// <summary>The same by name, for another build may count others.</summary>
    public IReadOnlyDictionary<string, long> SystemCallsByName
    {
        get => Enum.GetValues<SystemCall>().Where(call => SystemCalls[(int)call] != 0).ToDictionary(call => call.ToString(), call => SystemCalls[(int)call]);
        set
        {
            foreach (var call in Enum.GetValues<SystemCall>())
            {
                SystemCalls[(int)call] = value.GetValueOrDefault(call.ToString());
            }
        }
    }

    /// <summary>Takes the totals of one loop. On its thread; one system call, getrusage(2).</summary>
    public void Take(EventLoop loop)
    {
        LoopCounters counters = loop.Counters;
        CpuUsage thread = ThreadUsage.Now();
        TimeNs = loop.NowNs;
        UserUs = thread.UserUs;
        SystemUs = thread.SystemUs;
        WakeUps = thread.VoluntarySwitches;
        Turns = counters.Turns;
        Waits = counters.Sleeps;
        Looks = counters.Looks;
        UserCopiedBytes = loop.Tally.BytesCopied;
        KernelCopiedBytes = counters.BytesReceived + counters.BytesSent + counters.FileBytes;
        counters.SystemCallsByName.CopyTo(SystemCalls, 0);
        CompletionsPerTurn.Take(counters.CompletionsPerTurn);
        MessagesPerReceive.Take(loop.Tally.MessagesPerReceive);
        MessagesPerSend.Take(loop.Tally.MessagesPerSend);
    }

    /// <summary>Adds the totals of another loop of the same process.</summary>
    public void Add(WorkTotals other)
    {
        TimeNs += other.TimeNs;
        UserUs += other.UserUs;
        SystemUs += other.SystemUs;
        RunnableUs += other.RunnableUs;
        WakeUps += other.WakeUps;
        Turns += other.Turns;
        Waits += other.Waits;
        Looks += other.Looks;
        UserCopiedBytes += other.UserCopiedBytes;
        KernelCopiedBytes += other.KernelCopiedBytes;
        for (int call = 0; call < SystemCalls.Length; call++)
        {
            SystemCalls[call] += other.SystemCalls[call];
        }

        CompletionsPerTurn.Add(other.CompletionsPerTurn);
        MessagesPerReceive.Add(other.MessagesPerReceive);
        MessagesPerSend.Add(other.MessagesPerSend);
    }
}

/// <summary>A copy of <see cref="BatchSizes"/>.</summary>
internal sealed class BatchTotals
{
    /// <summary>All sizes added up.</summary>
    public long Total { get; set; }

    /// <summary>Batches by bucket, see <see cref="BatchSizes.LeastOf"/>.</summary>
    public long[] Counts { get; set; } = new long[BatchSizes.BucketCount];

    public void Take(BatchSizes sizes)
    {
        Total = sizes.Total;
        sizes.Counts.CopyTo(Counts);
    }

    public void Add(BatchTotals other)
    {
        Total += other.Total;
        for (int bucket = 0; bucket < Counts.Length; bucket++)
        {
            Counts[bucket] += other.Counts[bucket];
        }
    }
}
