using System.Globalization;
using Harness.Report;
using Harness.Results;

namespace Harness.Load;

/// <summary>Where the time goes, as <c>load --explain</c> prints it: a column for each side, batch sizes, and in words what the figures say together.</summary>
internal static class ExplainText
{
    private const int LabelWidth = 30;
    private const int FigureWidth = 10;
    private const int ShareWidth = 6;
    private const int BucketWidth = 8;
    private const int NoteWidth = 120;

    public static void Write(Explanation explanation, LoadOptions options, TextWriter text)
    {
        text.WriteLine();
        Line(text, "where the time goes", (explanation.Client is null ? "" : "client", ""), (explanation.Server is null ? "" : "server", ""));
        WriteTimes(explanation, text);
        WriteWork(explanation, text);
        WriteBatches(explanation, text);
        foreach (string note in ExplainNotes.Of(explanation, options.Rate is not null, options.Connections == 1 ? options.Depth : null))
        {
            WriteWrapped("· " + note, text);
        }
    }

    private static void WriteTimes(Explanation explanation, TextWriter text)
    {
        Row(explanation, text, "wall time, µs per operation", side => side.WallUsPerOp);
        Timed(explanation, text, "  user code", side => side.UserUsPerOp);
        Timed(explanation, text, "  kernel", side => side.KernelUsPerOp);
        Timed(explanation, text, "  ready, waiting for a CPU", side => side.RunnableUsPerOp);
        Timed(explanation, text, "  asleep, waiting for the peer", side => side.AsleepUsPerOp);
        Row(explanation, text, "other threads' CPU time, µs", side => side.OtherThreadsUsPerOp);
    }

    private static void WriteWork(Explanation explanation, TextWriter text)
    {
        Row(explanation, text, "system calls", side => side.SyscallsByNamePerOp?.Values.Sum());
        IEnumerable<string> names = Sides(explanation).SelectMany(side => side.Figures.SyscallsByNamePerOp?.Keys ?? []).Distinct();
        foreach (string name in names.Order(StringComparer.Ordinal))
        {
            Row(explanation, text, "  " + name, side => side.SyscallsByNamePerOp is { } calls ? calls.GetValueOrDefault(name) : null);
        }

        Row(explanation, text, "turns of the loop", side => side.TurnsPerOp);
        Row(explanation, text, "waits that may sleep", side => side.WaitsPerOp);
        Row(explanation, text, "  of them slept and woken up", side => side.WakeUpsPerOp);
        if (Sides(explanation).Any(side => side.Figures.LooksPerOp > 0))
        {
            Row(explanation, text, "looks while spinning", side => side.LooksPerOp);
        }

        Row(explanation, text, "bytes copied by our code", side => side.UserCopiedBytesPerOp);
        Row(explanation, text, "bytes copied by the kernel", side => side.KernelCopiedBytesPerOp);
    }

    private static void WriteBatches(Explanation explanation, TextWriter text)
    {
        var batches = Sides(explanation).SelectMany(side => new[]
        {
            (Label: $"{side.Name}: completions per turn", Figures: side.Figures.CompletionsPerTurn),
            (Label: $"{side.Name}: {(side.Name == "client" ? "replies" : "requests")} per receive", Figures: side.Figures.MessagesPerReceive),
            (Label: $"{side.Name}: {(side.Name == "client" ? "requests" : "replies")} per send", Figures: side.Figures.MessagesPerSend),
        }).Where(batch => batch.Figures?.Mean is not null).ToArray();
        if (batches.Length == 0)
        {
            return;
        }

        IEnumerable<string> used = batches.SelectMany(batch => batch.Figures!.Counts.Keys).Distinct();
        int[] buckets = [.. used.Select(least => int.Parse(least, CultureInfo.InvariantCulture)).Order()];
        text.WriteLine($"{"batches by size, %",-LabelWidth}{"mean",FigureWidth}{string.Concat(buckets.Select(least => $"{Range(least),BucketWidth}"))}".TrimEnd());
        foreach (var (label, figures) in batches)
        {
            double all = figures!.Counts.Values.Sum();
            IEnumerable<string> shares = buckets.Select(least => $"{Percent(figures.Counts.GetValueOrDefault(Key(least)) / all),BucketWidth}");
            text.WriteLine($"{label,-LabelWidth}{Figures.Short(figures.Mean),FigureWidth}{string.Concat(shares)}".TrimEnd());
        }
    }

    /// <summary>A bucket by its least size: <c>4-7</c>.</summary>
    public static string Range(int least) => least switch
    {
        < 2 => Key(least),
        65536 => "65536+",
        _ => string.Create(CultureInfo.InvariantCulture, $"{least}-{(2 * least) - 1}"),
    };

    private static void WriteWrapped(string note, TextWriter text)
    {
        string rest = note;
        while (rest.Length > NoteWidth && rest.LastIndexOf(' ', NoteWidth) is var blank and > 2)
        {
            text.WriteLine(rest[..blank]);
            rest = "  " + rest[(blank + 1)..];
        }

        text.WriteLine(rest);
    }

    private static string Key(int least) => least.ToString(CultureInfo.InvariantCulture);

    // What happened at all is not printed as never.
    private static string Percent(double share) => share switch
    {
        0 => "",
        < 0.005 => "<1",
        _ => (100 * share).ToString("0", CultureInfo.InvariantCulture),
    };

    private static IEnumerable<(string Name, ExplainedSide Figures)> Sides(Explanation explanation)
    {
        if (explanation.Client is { } client)
        {
            yield return ("client", client);
        }

        if (explanation.Server is { } server)
        {
            yield return ("server", server);
        }
    }

    private static void Row(Explanation explanation, TextWriter text, string label, Func<ExplainedSide, double?> figure) =>
        WriteRow(explanation, text, label, figure, _ => "");

    private static void Timed(Explanation explanation, TextWriter text, string label, Func<ExplainedSide, double?> figure) => WriteRow(
        explanation,
        text,
        label,
        figure,
        side => figure(side) / side.WallUsPerOp is { } share ? string.Create(CultureInfo.InvariantCulture, $"{100 * share:0} %") : "");

    // A figure that neither side has is no line.
    private static void WriteRow(Explanation explanation, TextWriter text, string label, Func<ExplainedSide, double?> figure, Func<ExplainedSide, string> share)
    {
        if (Sides(explanation).Any(side => figure(side.Figures) is not null))
        {
            (string, string) Column(ExplainedSide? side) => side is null ? ("", "") : (Number(figure(side)), share(side));
            Line(text, label, Column(explanation.Client), Column(explanation.Server));
        }
    }

    private static string Number(double? value) => value >= 1000 ? Figures.Count(value) : Figures.Short(value);

    private static void Line(TextWriter text, string label, params IEnumerable<(string Figure, string Share)> columns) => text.WriteLine(
        $"{label,-LabelWidth}{string.Concat(columns.Select(column => $"{column.Figure,FigureWidth}{column.Share,ShareWidth}"))}".TrimEnd());
}
