namespace Harness.Nbd;

/// <summary>
/// Fails requests on purpose: a share of them, those of some commands, those that touch a range, or those that come while a file exists. What it fails has
/// not reached the next block. Which of the requests that qualify are failed is drawn from a seed.
/// </summary>
public sealed class ErrorFilter : BlockFilter
{
    private static readonly Dictionary<string, NbdCommand> s_commands = new()
    {
        ["read"] = NbdCommand.Read,
        ["write"] = NbdCommand.Write,
        ["flush"] = NbdCommand.Flush,
        ["trim"] = NbdCommand.Trim,
        ["zero"] = NbdCommand.WriteZeroes,
        ["cache"] = NbdCommand.Cache,
        ["status"] = NbdCommand.BlockStatus,
    };

    private readonly int _errno;
    private readonly double _rate;
    private readonly ulong _offset;
    private readonly ulong _length;
    private readonly string? _file;
    private readonly int _commands;
    private long _draws;

    private ErrorFilter(FilterArguments arguments, IBlock next)
        : base(next)
    {
        string name = arguments.String("errno") ?? "EIO";
        if (!ErrnoText.TryParse(name, out _errno))
        {
            string nearest = NearestName.Suggestion(name, ErrnoText.Names);
            throw arguments.Wrong($"errno={name} is no error's name{nearest}; write one as in errno(3), like EIO or ENOSPC");
        }

        _rate = arguments.Share("rate", 1);
        _offset = arguments.Size("offset", 0);
        _length = arguments.Size("length", ulong.MaxValue);
        _file = arguments.String("file");
        _commands = ParseCommands(arguments);
        _draws = arguments.Count("seed", 1, 0, long.MaxValue);
    }

    /// <summary>For the catalog.</summary>
    public static FilterKind Kind { get; } = new(
        "error",
        "Fails requests on purpose, before they reach what is behind it. Several in one chain fail different things.",
        "error:errno=ENOSPC,rate=0.01,commands=write+zero/memory:1G",
        [
            new("errno", "NAME", "the error, as in errno(3) [default: EIO]; what NBD has no code for reaches the client as EIO"),
            new("rate", "SHARE", "how many of the requests that qualify, like 0.01 or 1%25 [default: 1, all]"),
            new("commands", "NAMES", "which qualify: read, write, flush, trim, zero, cache, status (BLOCK_STATUS), with + between [default: all]"),
            new("offset", "SIZE", "only requests that touch bytes from here on [default: 0]; a FLUSH touches all"),
            new("length", "SIZE", "only requests that touch so many bytes from offset on [default: to the end]"),
            new("file", "PATH", "only while this file exists: touch(1) and rm(1) switch it on and off; slashes in it are written %2F"),
            new("seed", "N", "fixes which requests are drawn [default: 1]"),
        ],
        (arguments, next) => new ErrorFilter(arguments, next) { Parameters = arguments.Text });

    /// <inheritdoc/>
    public override string Name => Kind.Name;

    /// <inheritdoc/>
    public override void Start(BlockRequest request)
    {
        if (Qualifies(request) && Draw() && (_file is null || File.Exists(_file)))
        {
            request.Complete(_errno);
        }
        else
        {
            Pass(request);
        }
    }

    private static int ParseCommands(FilterArguments arguments)
    {
        if (arguments.String("commands") is not { } text)
        {
            return -1;
        }

        int commands = 0;
        foreach (string name in text.Split('+'))
        {
            if (!s_commands.TryGetValue(name, out NbdCommand command))
            {
                string nearest = NearestName.Suggestion(name, s_commands.Keys);
                throw arguments.Wrong($"unknown command '{name}'{nearest}; commands= takes {string.Join('+', s_commands.Keys)}");
            }

            commands |= 1 << (int)command;
        }

        return commands;
    }

    private bool Qualifies(BlockRequest request)
    {
        if ((_commands & (1 << (int)request.Command)) == 0)
        {
            return false;
        }

        ulong end = _length > ulong.MaxValue - _offset ? ulong.MaxValue : _offset + _length;
        return request.Command == NbdCommand.Flush || (request.Offset < end && request.Offset + request.Length > _offset);
    }

    /// <summary>One draw of a sequence that the seed fixes, whichever loop asks (SplitMix64).</summary>
    private bool Draw()
    {
        if (_rate >= 1)
        {
            return true;
        }

        ulong x = (ulong)Interlocked.Add(ref _draws, unchecked((long)0x9E3779B97F4A7C15));
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
        return ((x ^ (x >> 31)) >> 11) * (1.0 / (1ul << 53)) < _rate;
    }
}
