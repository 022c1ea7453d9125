namespace Harness.Nbd;

/// <summary>Counts requests, bytes, errors and latencies for each command, as they are seen at its place in the chain.</summary>
public sealed class StatsFilter : BlockFilter, IBlockRequestOwner
{
    private static readonly NbdCommand[] s_commands =
    [
        NbdCommand.Read, NbdCommand.Write, NbdCommand.Flush, NbdCommand.Trim, NbdCommand.WriteZeroes, NbdCommand.Cache, NbdCommand.BlockStatus,
    ];

    private readonly PerLoop<CommandCounts[]> _loops = new(_ => [.. Enumerable.Range(0, (int)NbdCommand.Resize).Select(_ => new CommandCounts())]);
    private readonly string _label;

    private StatsFilter(FilterArguments arguments, IBlock next)
        : base(next)
    {
        _label = arguments.String("name") is { } name ? $"stats {name}" : "stats";
    }

    /// <summary>For the catalog.</summary>
    public static FilterKind Kind { get; } = new(
        "stats",
        "Counts requests, bytes, errors and latencies by command, and prints them on standard error when the server ends or the filter is taken out.",
        "stats:name=outside/delay:read=1ms/stats:name=inside/memory:1G",
        [new("name", "WORD", "begins each line, to tell several apart [default: none]")],
        (arguments, next) => new StatsFilter(arguments, next) { Parameters = arguments.Text });

    /// <inheritdoc/>
    public override string Name => Kind.Name;

    /// <inheritdoc/>
    public override void Start(BlockRequest request)
    {
        BlockRequest child = request.MakeChild(this);
        child.StartedNs = request.Home.Loop.NowNs;
        child.StartOn(NextEdge);
    }

    /// <inheritdoc/>
    void IBlockRequestOwner.OnRequestCompleted(BlockRequest child)
    {
        CommandCounts counts = _loops.Of(child.Home)[(int)child.Command];
        counts.Bytes += child.Length;
        counts.Errors += child.Error == 0 ? 0 : 1;
        counts.Latency.Record(child.Home.Loop.NowNs - child.StartedNs);
        child.EndWithParent();
    }

    /// <inheritdoc/>
    public override IEnumerable<string> Summary() =>
        s_commands.Select(Sum).Where(sum => sum.Latency.Count > 0).Select(Line).DefaultIfEmpty($"{_label}: no requests");

    private (NbdCommand Command, ulong Bytes, long Errors, LatencyCounts Latency) Sum(NbdCommand command)
    {
        (ulong bytes, long errors, LatencyCounts latency) = (0, 0, new LatencyCounts());
        foreach (CommandCounts[] loop in _loops.All)
        {
            CommandCounts counts = loop[(int)command];
            bytes += counts.Bytes;
            errors += counts.Errors;
            latency.Add(counts.Latency);
        }

        return (command, bytes, errors, latency);
    }

    private string Line((NbdCommand Command, ulong Bytes, long Errors, LatencyCounts Latency) sum)
    {
        string errors = sum.Errors == 1 ? "1 error" : $"{sum.Errors} errors";
        string requests = sum.Latency.Count == 1 ? "1 request" : $"{sum.Latency.Count} requests";
        string latency = $"p50 {Text(0.5)}, p99 {Text(0.99)}, p99.9 {Text(0.999)}, max {TimeLength.Format(sum.Latency.Max)}";
        return $"{_label}: {sum.Command.Text()} {requests}, {sum.Bytes} bytes, {errors}; {latency}";

        string Text(double share) => TimeLength.Format(sum.Latency.Percentile(share));
    }

    private sealed class CommandCounts
    {
        public ulong Bytes;
        public long Errors;

        public LatencyCounts Latency { get; } = new();
    }
}
