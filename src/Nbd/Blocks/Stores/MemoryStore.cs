using Harness.Io;

namespace Harness.Nbd;

/// <summary>
/// A disk in memory, sparse: untouched pages read as zeroes and take no space. A READ is answered with the mapping itself, so the kernel copies straight
/// from the disk to the socket; where whoever asks wants to hear of holes, pages that were never written are some. A WRITE copies once. The mapping lives until
/// the store is disposed of, which is after the last request, so no lease is needed. The contents are lost when the server ends.
/// </summary>
/// <remarks>
/// A disk that is small beside the machine lies in huge pages, and then takes memory 2 MiB at a time. A larger one keeps to small pages: whoever makes a disk
/// that would not fit means to fill little of it.
/// </remarks>
/// <param name="size">Bytes.</param>
public sealed class MemoryStore(ulong size) : IBlock, IExtentMap
{
    // Of the memory that this process may have, limits of its control group among it.
    private const ulong HugePagesBelowShare = 4;

    // A page of the kernel: what a TRIM gives back.
    private const uint PieceBytes = 4096;

    private AnonymousMapping? _mapping;
    private AllocationMap? _written;

    /// <inheritdoc/>
    public string Name => "memory";

    /// <inheritdoc/>
    public ulong Size { get; } = size;

    /// <inheritdoc/>
    /// <remarks>FLUSH and FUA have nothing to do: no write outlives the process, and every write is seen by all connections at once.</remarks>
    public BlockCapabilities Capabilities => BlockCapabilities.Flush | BlockCapabilities.Trim | BlockCapabilities.WriteZeroes | BlockCapabilities.FastZero
        | BlockCapabilities.Fua | BlockCapabilities.MultiConn | BlockCapabilities.Cache;

    /// <inheritdoc/>
    public BlockSizeConstraints Constraints => BlockSizeConstraints.Default;

    /// <inheritdoc/>
    public string Describe() => $"memory:{ByteSize.Format(Size)}";

    /// <inheritdoc/>
    public void Open()
    {
        _mapping ??= new AnonymousMapping(Size, IsSmall);
        _written ??= new AllocationMap(Size, PieceBytes);
    }

    /// <inheritdoc/>
    public void Start(BlockRequest request) => request.Complete(Serve(request, _mapping!));

    /// <inheritdoc/>
    BlockExtent IExtentMap.ExtentAt(ulong offset, ulong length)
    {
        ulong run = _written!.RunAt(offset, length, out bool written);
        return new BlockExtent(run, written ? ExtentState.Data : ExtentState.Hole | ExtentState.Zero);
    }

    /// <summary>Unmaps the disk. Nothing may be in flight.</summary>
    public void Dispose()
    {
        _mapping?.Dispose();
        _written?.Dispose();
    }

    private bool IsSmall => Size <= (ulong)GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / HugePagesBelowShare;

    private int Serve(BlockRequest request, AnonymousMapping mapping)
    {
        switch (request.Command)
        {
            case NbdCommand.Read:
                Read(request, mapping.Slice(request.Offset, (int)request.Length));
                return 0;
            case NbdCommand.Write:
                request.Payload.Span.CopyTo(mapping.Slice(request.Offset, (int)request.Length).Span);

                // After the data: a TRIM of the same bytes on another loop clears first and discards then, so that data never stands in what counts as a hole.
                _written!.Set(request.Offset, request.Length);
                request.Home.Loop.Tally.BytesCopied += (long)request.Length;
                return 0;
            case NbdCommand.Trim:
            case NbdCommand.WriteZeroes:
                return Zero(request, mapping);
            case NbdCommand.BlockStatus:
                request.AddStatusOf(this);
                return 0;
            default:
                return 0;
        }
    }

    private void Read(BlockRequest request, NativeSlice data)
    {
        if (!request.WantsHoles || request.Length < HoleWalk.LeastHoleBytes)
        {
            data.Prefetch();
            request.AddData(data, lease: null);
            return;
        }

        var walk = new HoleWalk(this, request);
        for (int at = 0; walk.Next(out ulong length, out bool isHole); at += (int)length)
        {
            if (isHole)
            {
                request.AddHole(length);
                continue;
            }

            NativeSlice piece = data.Slice(at, (int)length);
            piece.Prefetch();
            request.AddData(piece, lease: null);
        }
    }

    private int Zero(BlockRequest request, AnonymousMapping mapping)
    {
        try
        {
            _written!.ClearWithin(request.Offset, request.Length);

            // NO_HOLE promises that later writes do not run out of space. Memory cannot promise that of pages that were never touched, and touching
            // them all would block the loop; what is there is given back just the same.
            mapping.Discard(request.Offset, request.Length);
            return 0;
        }
        catch (IoException e)
        {
            return e.Errno;
        }
    }
}
