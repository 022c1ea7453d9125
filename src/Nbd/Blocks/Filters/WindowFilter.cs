namespace Harness.Nbd;

/// <summary>A part of what is behind it, as a disk of its own.</summary>
public abstract class WindowFilter : BlockFilter, IBlockRequestOwner
{
    private readonly ulong _start;

    /// <summary>A window.</summary>
    /// <param name="next">The whole.</param>
    /// <param name="start">Its first byte there.</param>
    /// <param name="size">Its bytes, 1 or more; the window lies within the whole.</param>
    protected WindowFilter(IBlock next, ulong start, ulong size)
        : base(next)
    {
        _start = start;
        Size = size;
    }

    /// <inheritdoc/>
    public override ulong Size { get; }

    /// <inheritdoc/>
    public override void Start(BlockRequest request)
    {
        BlockRequest child = request.MakeChild(this);
        child.Offset += request.Command == NbdCommand.Flush ? 0 : _start;
        child.StartOn(NextEdge);
    }

    /// <inheritdoc/>
    public override BlockExtent ExtentAt(ulong offset, ulong length) => Next.ExtentAt(_start + offset, length);

    /// <inheritdoc/>
    void IBlockRequestOwner.OnRequestCompleted(BlockRequest child)
    {
        if (child.ErrorOffset != ulong.MaxValue)
        {
            child.ErrorOffset -= _start;
        }

        child.EndWithParent();
    }
}
