using Harness.Io;

namespace Harness.Nbd;

/// <summary>
/// A right to leave memory where it is until someone has finished with it. A READ answers with leased memory: the kernel still reads it after the request is
/// complete, so it is the completion of the send that releases the lease.
/// </summary>
public interface ILease
{
    /// <summary>The memory is no longer needed. Called exactly once, on the thread of the loop that the request belongs to; must not throw.</summary>
    void Release();
}

/// <summary>One part of the answer to a READ, in the order of the offsets.</summary>
public readonly struct ReadExtent
{
    internal ReadExtent(ulong length, NativeSlice data, ILease? lease)
    {
        Length = length;
        Data = data;
        Lease = lease;
    }

    /// <summary>Bytes of the export that it covers.</summary>
    public ulong Length { get; }

    /// <summary>Where the data lies; empty for a hole.</summary>
    public NativeSlice Data { get; }

    /// <summary>Released once the data has been sent; null where the memory lives as long as the block.</summary>
    public ILease? Lease { get; }

    /// <summary>True where the range reads as zeroes and no memory stands behind it.</summary>
    public bool IsHole => Data.IsEmpty;
}
