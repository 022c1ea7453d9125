namespace Harness.Nbd;

/// <summary>
/// Stands before a block while that is copied to another one: what changes a range has it copied again behind it, so that both hold the same wherever the copy
/// has come by. Whatever a change does to the block, whether it fails, zeroes or trims, is found by reading it afterwards, so nothing is assumed of either.
/// Reads go on as if it were not there.
/// </summary>
internal sealed class CopyFilter : BlockFilter
{
    private readonly PerLoop<JobPool<CopyStep>> _steps;
    private long _copied;
    private long _cursor;
    private string? _trouble;

    public CopyFilter(IBlock source, BlockNode target, IBlockRequestOwner copier)
        : base(source)
    {
        Copier = copier;
        TargetEdge = new BlockEdge(this, target.Block);
        TargetEdge.Join();
        TargetCan = target.Block.Capabilities;
        MaximumPayload = Math.Min(source.Constraints.MaximumPayload, target.Block.Constraints.MaximumPayload);
        Parameters = $"to={target.Id}";
        _steps = new PerLoop<JobPool<CopyStep>>(_ => new JobPool<CopyStep>(pool => new CopyStep(this, pool)));
    }

    /// <inheritdoc/>
    public override string Name => "copy";

    /// <summary>The way to what the block is copied to.</summary>
    public BlockEdge TargetEdge { get; }

    /// <summary>What that can do.</summary>
    public BlockCapabilities TargetCan { get; }

    /// <summary>Bytes that one READ or WRITE may have on either side.</summary>
    public uint MaximumPayload { get; }

    /// <summary>Whose requests are not a client's: CACHE is a range that is to be copied.</summary>
    public IBlockRequestOwner Copier { get; }

    /// <summary>Keeps changes and copies of the same bytes apart.</summary>
    public RangeGate Ranges { get; } = new();

    /// <summary>Bytes that the copier has had copied; changes that are copied again do not count.</summary>
    public ulong Copied => (ulong)Volatile.Read(ref _copied);

    /// <summary>
    /// From here on nothing is copied yet, and changes need not be either. Raised before a range is asked for, so that a change that still sees the old one has
    /// entered the range before the copy of it does.
    /// </summary>
    public ulong Cursor
    {
        get => (ulong)Volatile.Read(ref _cursor);
        set => Volatile.Write(ref _cursor, (long)value);
    }

    /// <summary>Why the copy cannot come to a good end, in a line; null as long as it can.</summary>
    public string? Trouble => Volatile.Read(ref _trouble);

    /// <inheritdoc/>
    public override void Open()
    {
        base.Open();
        TargetEdge.Open();
    }

    /// <inheritdoc/>
    public override void Start(BlockRequest request)
    {
        bool copies = request.Root.Owner == Copier;
        if (!copies && request.Command is NbdCommand.Read or NbdCommand.Cache)
        {
            Pass(request);
            return;
        }

        CopyStep step = _steps.Of(request.Home).Rent();
        step.Take(request);
        step.Begin(copies);
    }

    /// <summary>A range that the copier asked for has been copied. Any thread.</summary>
    internal void AddCopied(ulong bytes) => Interlocked.Add(ref _copied, (long)bytes);

    /// <summary>The first trouble is kept: from then on only the block itself is served. Any thread.</summary>
    internal void Fail(string trouble) => Interlocked.CompareExchange(ref _trouble, trouble, null);

    /// <inheritdoc/>
    protected override void Free() => TargetEdge.Leave();
}
