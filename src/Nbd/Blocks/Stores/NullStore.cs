namespace Harness.Nbd;

/// <summary>
/// A store without memory: reads are one hole, writes are dropped. What it costs is what everything around it costs, so it is the ceiling of every
/// measurement.
/// </summary>
/// <param name="size">Bytes.</param>
public sealed class NullStore(ulong size) : IBlock
{
    /// <inheritdoc/>
    public string Name => "null";

    /// <inheritdoc/>
    public ulong Size { get; } = size;

    /// <inheritdoc/>
    public BlockCapabilities Capabilities => BlockCapabilities.Flush | BlockCapabilities.Trim | BlockCapabilities.WriteZeroes | BlockCapabilities.FastZero
        | BlockCapabilities.Fua | BlockCapabilities.MultiConn | BlockCapabilities.Cache;

    /// <inheritdoc/>
    public BlockSizeConstraints Constraints => BlockSizeConstraints.Default;

    /// <inheritdoc/>
    public string Describe() => $"null:{ByteSize.Format(Size)}";

    /// <inheritdoc/>
    public void Open()
    {
    }

    /// <inheritdoc/>
    public void Start(BlockRequest request)
    {
        if (request.Command == NbdCommand.Read)
        {
            request.AddHole(request.Length);
        }
        else if (request.Command == NbdCommand.BlockStatus)
        {
            request.AddStatus(request.Length, ExtentState.Hole | ExtentState.Zero);
        }

        request.Complete(0);
    }

    /// <summary>Nothing to free.</summary>
    public void Dispose()
    {
    }
}
