namespace Harness.Nbd;

/// <summary>
/// Lets through no more than so many bytes or requests per second, all connections and loops together, in the order in which requests came. What goes unused
/// is saved up for a while, so that a burst passes at once.
/// </summary>
public sealed class ThrottleFilter : BlockFilter
{
    private readonly RateLimit? _bytes;
    private readonly RateLimit? _requests;
    private readonly PerLoop<WaitingLine> _lines;

    private ThrottleFilter(FilterArguments arguments, IBlock next)
        : base(next)
    {
        long burstNs = arguments.Time("burst", 100_000_000);
        ulong rate = arguments.Size("rate", 0);
        long requests = arguments.Count("requests", 0, 1, 1_000_000_000);
        if (arguments.Has("rate") && rate == 0)
        {
            throw arguments.Wrong("rate=0 would let nothing through; write bytes per second, like 10M");
        }

        if (rate == 0 && requests == 0)
        {
            throw arguments.Wrong("rate= or requests= is missing: how much is let through per second, like rate=10M or requests=1000");
        }

        _bytes = rate == 0 ? null : new RateLimit(rate, burstNs);
        _requests = requests == 0 ? null : new RateLimit(requests, burstNs);
        _lines = new PerLoop<WaitingLine>(home => new WaitingLine(home, NextEdge, keepsPace: true));
    }

    /// <summary>For the catalog.</summary>
    public static FilterKind Kind { get; } = new(
        "throttle",
        "No more than so many bytes or requests per second, in the order in which they came. What is too early waits.",
        "throttle:rate=100M,burst=10ms/memory:1G",
        [
            new("rate", "SIZE", "bytes of READ and WRITE per second, all connections together, like 100M"),
            new("requests", "COUNT", "requests per second, of all commands; with rate both hold"),
            new("burst", "TIME", "how long what goes unused is saved up for a burst [default: 100ms]"),
        ],
        (arguments, next) => new ThrottleFilter(arguments, next) { Parameters = arguments.Text });

    /// <inheritdoc/>
    public override string Name => Kind.Name;

    /// <inheritdoc/>
    public override void Start(BlockRequest request)
    {
        long nowNs = request.Home.Loop.NowNs;
        long dueNs = nowNs;
        if (_requests is not null)
        {
            dueNs = _requests.Reserve(nowNs, 1);
        }

        if (_bytes is not null && request.Command is (NbdCommand.Read or NbdCommand.Write))
        {
            dueNs = Math.Max(dueNs, _bytes.Reserve(nowNs, (long)request.Length));
        }

        _lines.Of(request.Home).PassWhenDue(request, dueNs, nowNs);
    }
}
