using Harness.Results;

namespace Harness.Report;

/// <summary>Where the time went over several rounds: medians, and all batches added up.</summary>
internal static class ExplainMedians
{
    /// <summary>Null where no round has it.</summary>
    public static Explanation? Of(IEnumerable<Explanation?> rounds)
    {
        var known = rounds.OfType<Explanation>().ToArray();
        return known.Length == 0 ? null : new Explanation
        {
            Client = Of([.. known.Select(round => round.Client).OfType<ExplainedSide>()]),
            Server = Of([.. known.Select(round => round.Server).OfType<ExplainedSide>()]),
        };
    }

    private static ExplainedSide? Of(ExplainedSide[] rounds)
    {
        double? Median(Func<ExplainedSide, double?> figure) => Spread.MedianOf(rounds.Select(figure));
        return rounds.Length == 0 ? null : new ExplainedSide
        {
            WallUsPerOp = Median(side => side.WallUsPerOp),
            UserUsPerOp = Median(side => side.UserUsPerOp),
            KernelUsPerOp = Median(side => side.KernelUsPerOp),
            RunnableUsPerOp = Median(side => side.RunnableUsPerOp),
            AsleepUsPerOp = Median(side => side.AsleepUsPerOp),
            OtherThreadsUsPerOp = Median(side => side.OtherThreadsUsPerOp),
            SyscallsByNamePerOp = SystemCalls(rounds),
            TurnsPerOp = Median(side => side.TurnsPerOp),
            WaitsPerOp = Median(side => side.WaitsPerOp),
            WakeUpsPerOp = Median(side => side.WakeUpsPerOp),
            LooksPerOp = Median(side => side.LooksPerOp),
            UserCopiedBytesPerOp = Median(side => side.UserCopiedBytesPerOp),
            KernelCopiedBytesPerOp = Median(side => side.KernelCopiedBytesPerOp),
            CompletionsPerTurn = Batches(rounds.Select(side => side.CompletionsPerTurn)),
            MessagesPerReceive = Batches(rounds.Select(side => side.MessagesPerReceive)),
            MessagesPerSend = Batches(rounds.Select(side => side.MessagesPerSend)),
        };
    }

    // A call that a round did not make was made no times in it.
    private static Dictionary<string, double>? SystemCalls(ExplainedSide[] rounds)
    {
        var calls = rounds.Select(side => side.SyscallsByNamePerOp).OfType<IReadOnlyDictionary<string, double>>().ToArray();
        return calls.Length == 0 ? null : calls
            .SelectMany(round => round.Keys)
            .Distinct()
            .ToDictionary(name => name, name => Spread.Of(calls.Select(round => round.GetValueOrDefault(name)))!.Median);
    }

    private static BatchFigures? Batches(IEnumerable<BatchFigures?> rounds)
    {
        var known = rounds.OfType<BatchFigures>().ToArray();
        if (known.Length == 0)
        {
            return null;
        }
        var counts = known.SelectMany(round => round.Counts)
            .GroupBy(bucket => bucket.Key)
            .ToDictionary(bucket => bucket.Key, bucket => bucket.Sum(each => each.Value));
        var all = counts.Values.Sum();
        return new BatchFigures { Mean = all == 0 ? null : known.Sum(round => (round.Mean ?? 0) * round.Counts.Values.Sum()) / all, Counts = counts };
    }
}
