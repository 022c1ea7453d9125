namespace Harness.Nbd;

/// <summary>Lets each request wait before it goes on, by the loop's timer: any number may wait, without a thread or memory of its own for any.</summary>
public sealed class DelayFilter : BlockFilter
{
    private readonly long[] _delayNs;
    private readonly PerLoop<WaitingLine?[]> _lines;

    private DelayFilter(FilterArguments arguments, IBlock next)
        : base(next)
    {
        long write = arguments.Time("write", 0);
        _delayNs = new long[(int)NbdCommand.Resize];
        _delayNs[(int)NbdCommand.Read] = arguments.Time("read", 0);
        _delayNs[(int)NbdCommand.Write] = write;
        _delayNs[(int)NbdCommand.Flush] = arguments.Time("flush", 0);
        _delayNs[(int)NbdCommand.Trim] = arguments.Time("trim", write);
        _delayNs[(int)NbdCommand.WriteZeroes] = arguments.Time("zero", write);
        _lines = new PerLoop<WaitingLine?[]>(_ => new WaitingLine?[_delayNs.Length]);
    }

    /// <summary>For the catalog.</summary>
    public static FilterKind Kind { get; } = new(
        "delay",
        "Requests wait before they go on. Any number may wait at one time.",
        "delay:read=1ms,write=2ms/memory:1G",
        [
            new("read", "TIME", "how long a READ waits, like 50us, 1ms or 3s [default: 0]"),
            new("write", "TIME", "how long a WRITE waits [default: 0]"),
            new("flush", "TIME", "how long a FLUSH waits [default: 0]"),
            new("trim", "TIME", "how long a TRIM waits [default: as a WRITE]"),
            new("zero", "TIME", "how long a WRITE_ZEROES waits [default: as a WRITE]"),
        ],
        (arguments, next) => new DelayFilter(arguments, next) { Parameters = arguments.Text });

    /// <inheritdoc/>
    public override string Name => Kind.Name;

    /// <inheritdoc/>
    public override void Start(BlockRequest request)
    {
        long delayNs = _delayNs[(int)request.Command];
        if (delayNs == 0)
        {
            Pass(request);
        }
        else
        {
            // One line for each command: within it all wait equally long, so that they go on in the order in which they came.
            ref WaitingLine? line = ref _lines.Of(request.Home)[(int)request.Command];
            line ??= new WaitingLine(request.Home, NextEdge, keepsPace: false);
            line.Add(request, request.Home.Loop.NowNs + delayNs);
        }
    }
}
