using Harness.Io;

namespace Harness.Nbd;

/// <summary>
/// Changes go into memory and are lost when the server ends; what is behind it stays as it is (copy on write). A map has a bit for each block that lies in
/// memory. A block of which only a part is changed is fetched first.
/// </summary>
public sealed class CowFilter : BlockFilter
{
    private const uint BlockBytes = 4096;

    private readonly PerLoop<JobPool<CowReadJob>> _readers;
    private readonly PerLoop<JobPool<CowChangeJob>> _changers;

    private CowFilter(IBlock next)
        : base(next)
    {
        _readers = new PerLoop<JobPool<CowReadJob>>(_ => new JobPool<CowReadJob>(pool => new CowReadJob(this, pool)));
        _changers = new PerLoop<JobPool<CowChangeJob>>(_ => new JobPool<CowChangeJob>(pool => new CowChangeJob(this, pool)));
    }

    /// <summary>For the catalog.</summary>
    public static FilterKind Kind { get; } = new(
        "cow",
        "Changes go into memory, 4 KiB at a time, and are lost when the server ends; what is behind it is never written.",
        "cow/file:/srv/disk.img",
        [],
        (arguments, next) => new CowFilter(next) { Parameters = arguments.Text })
    {
        OnlyReadsNext = true,
    };

    /// <inheritdoc/>
    public override string Name => Kind.Name;

    /// <inheritdoc/>
    /// <remarks>All that memory can, whatever is behind it.</remarks>
    public override BlockCapabilities Capabilities => BlockCapabilities.Flush | BlockCapabilities.Trim | BlockCapabilities.WriteZeroes
        | BlockCapabilities.FastZero | BlockCapabilities.Fua | BlockCapabilities.MultiConn;

    /// <summary>The changed blocks, at their own offsets.</summary>
    internal AnonymousMapping Memory { get; private set; } = null!;

    /// <summary>Which blocks lie in memory.</summary>
    internal AllocationMap Changed { get; private set; } = null!;

    /// <summary>Held while a block moves into memory, and while one there is changed.</summary>
    internal Lock Moving { get; } = new();

    /// <inheritdoc/>
    public override void Open()
    {
        NextEdge.Open();
        Memory = new AnonymousMapping(Size);
        Changed = new AllocationMap(Size, BlockBytes);
    }

    /// <inheritdoc/>
    public override void Start(BlockRequest request)
    {
        switch (request.Command)
        {
            case NbdCommand.Read:
                CowReadJob read = _readers.Of(request.Home).Rent();
                read.Take(request);
                read.Begin();
                break;
            case NbdCommand.Write or NbdCommand.Trim or NbdCommand.WriteZeroes:
                CowChangeJob change = _changers.Of(request.Home).Rent();
                change.Take(request);
                change.Begin();
                break;
            default:
                // A FLUSH: nothing outlives the process.
                request.Complete(0);
                break;
        }
    }

    /// <inheritdoc/>
    public override BlockExtent ExtentAt(ulong offset, ulong length)
    {
        ulong run = Changed.RunAt(offset, length, out bool changed);
        return changed ? new BlockExtent(run, ExtentState.Data) : Next.ExtentAt(offset, run);
    }

    /// <inheritdoc/>
    protected override void Free()
    {
        Memory?.Dispose();
        Changed?.Dispose();
    }
}
