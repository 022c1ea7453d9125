using Harness.Io;

namespace Harness.Nbd;

/// <summary>
/// Where a file has holes, for READs. To ask the file system takes two system calls on the loop's thread, which wait for whoever changes the file at that
/// moment; so what it has called data is remembered and not asked for again, and a file that is full is asked about once. What it has called a hole is never
/// remembered: others may write to the file too, by another export or from outside, and data that counts as a hole would be lost to whoever reads it. Data that
/// has become a hole behind our back is read as what it is, zeroes. Any thread.
/// </summary>
internal sealed class FileExtents(int fd, ulong size) : IExtentMap, IDisposable
{
    private readonly AllocationMap _data = new(size, HoleWalk.LeastHoleBytes);

    /// <inheritdoc/>
    public BlockExtent ExtentAt(ulong offset, ulong length)
    {
        ulong known = _data.RunAt(offset, length, out bool isData);
        if (isData)
        {
            return new BlockExtent(known, ExtentState.Data);
        }

        // As far as it goes: the file system has to find the end of the run in any case.
        ulong run = FileHoles.RunAt(fd, offset, size - offset, out bool isHole);
        if (!isHole)
        {
            _data.Set(offset, run);
        }

        return new BlockExtent(Math.Min(run, length), isHole ? ExtentState.Hole | ExtentState.Zero : ExtentState.Data);
    }

    /// <summary>A range has been given back or zeroed: it may be a hole now.</summary>
    public void Forget(ulong offset, ulong length) => _data.ClearWithin(offset, length);

    /// <summary>Frees the map.</summary>
    public void Dispose() => _data.Dispose();
}
