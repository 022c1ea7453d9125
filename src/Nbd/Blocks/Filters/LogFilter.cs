namespace Harness.Nbd;

/// <summary>Writes a line into a file when a request comes and another when it ends, as they are seen at its place in the chain.</summary>
public sealed class LogFilter : BlockFilter, IBlockRequestOwner
{
    private readonly LogFile _file;
    private long _number;

    private LogFilter(FilterArguments arguments, IBlock next)
        : base(next)
    {
        string path = arguments.Required("file");
        try
        {
            _file = new LogFile(path, append: arguments.Count("append", 0, 0, 1) == 1);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BlockException($"'log': the file '{path}' cannot be written: {e.Message}");
        }
    }

    /// <summary>For the catalog.</summary>
    public static FilterKind Kind { get; } = new(
        "log",
        "A line in a file for the start and for the end of every request.",
        "log:file=%2Ftmp%2Frequests.log/memory:1G",
        [
            new("file", "PATH", "where to; slashes in it are written %2F. It is emptied first"),
            new("append", "1", "the file is kept, and lines are added to it"),
        ],
        (arguments, next) => new LogFilter(arguments, next) { Parameters = arguments.Text });

    /// <inheritdoc/>
    public override string Name => Kind.Name;

    /// <inheritdoc/>
    public override void Start(BlockRequest request)
    {
        BlockRequest child = request.MakeChild(this);
        child.Cookie = (ulong)Interlocked.Increment(ref _number);
        child.StartedNs = request.Home.Loop.NowNs;
        _file.Start(child);
        child.StartOn(NextEdge);
    }

    /// <inheritdoc/>
    void IBlockRequestOwner.OnRequestCompleted(BlockRequest child)
    {
        _file.End(child, child.Home.Loop.NowNs - child.StartedNs);
        child.EndWithParent();
    }

    /// <inheritdoc/>
    protected override void Free() => _file.Dispose();
}
