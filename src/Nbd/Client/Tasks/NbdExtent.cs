namespace Harness.Nbd;

/// <summary>What lies in a range of an export, see <see cref="NbdDisk.ExtentsAsync"/>.</summary>
/// <param name="Offset">First byte.</param>
/// <param name="Length">Bytes.</param>
/// <param name="Flags">Of the metadata context <c>base:allocation</c>.</param>
public readonly record struct NbdExtent(ulong Offset, ulong Length, AllocationFlags Flags)
{
    /// <summary>It reads as zeroes.</summary>
    public bool IsZero => (Flags & AllocationFlags.Zero) != 0;

    /// <summary>It takes no space.</summary>
    public bool IsHole => (Flags & AllocationFlags.Hole) != 0;
}
