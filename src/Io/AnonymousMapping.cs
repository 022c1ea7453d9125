using System.Runtime.InteropServices;
using Harness.Io.Native;

namespace Harness.Io;

/// <summary>
/// A private mapping of zeroes that takes memory only where it has been written: mmap(2) with MAP_NORESERVE, so that a mapping larger than the machine's
/// memory is possible. Reading an untouched page finds zeroes. Ranges are 64-bit; a slice is at most 2 GiB. Any thread may use it, and threads that touch
/// the same bytes see what memory shows them.
/// </summary>
public sealed class AnonymousMapping : IDisposable
{
    private nint _address;

    /// <summary>Maps <paramref name="length"/> bytes.</summary>
    /// <param name="length">Bytes, 1 or more; rounded up to whole pages by the kernel.</param>
    /// <param name="hugePages">
    /// Asks for huge pages (madvise(2) MADV_HUGEPAGE): random access is cheaper, because fewer addresses have to be translated anew, and memory is taken 2 MiB
    /// at a time. Without effect where the kernel has none.
    /// </param>
    /// <exception cref="IoException">The kernel refused: no address space, or a limit (ulimit -v).</exception>
    public AnonymousMapping(ulong length, bool hugePages = false)
    {
        ArgumentOutOfRangeException.ThrowIfZero(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, (ulong)long.MaxValue);
        nint address = Mman.mmap(0, (nuint)length, Mman.PROT_READ | Mman.PROT_WRITE, Mman.MAP_PRIVATE | Mman.MAP_ANONYMOUS | Mman.MAP_NORESERVE, -1, 0);
        if (address == Mman.MAP_FAILED)
        {
            throw new IoException($"cannot map {length} bytes of memory", Marshal.GetLastSystemError());
        }

        if (hugePages)
        {
            // A refusal costs speed and nothing else.
            _ = Mman.madvise(address, (nuint)length, Mman.MADV_HUGEPAGE);
        }

        _address = address;
        Length = length;
    }

    /// <summary>Unmaps what nobody disposed of.</summary>
    ~AnonymousMapping() => Unmap();

    /// <summary>Bytes.</summary>
    public ulong Length { get; }

    /// <summary>A part of the mapping; the caller keeps the mapping alive while the slice is in use.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The part leaves the mapping.</exception>
    /// <exception cref="ObjectDisposedException">The mapping is gone.</exception>
    public NativeSlice Slice(ulong offset, int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        Check(offset, (ulong)length);
        return new NativeSlice(_address + (nint)offset, length);
    }

    /// <summary>
    /// Makes the range read as zeroes. Whole pages are given back to the kernel with madvise(2) MADV_DONTNEED; what is left of a page at either end is
    /// cleared by hand.
    /// </summary>
    /// <exception cref="IoException">The kernel refused.</exception>
    public void Discard(ulong offset, ulong length)
    {
        Check(offset, length);
        ulong page = (ulong)Environment.SystemPageSize;
        ulong end = offset + length;
        ulong firstPage = (offset + page - 1) / page * page;
        ulong lastPage = end / page * page;
        if (firstPage >= lastPage)
        {
            Clear(offset, length);
            return;
        }

        Clear(offset, firstPage - offset);
        Clear(lastPage, end - lastPage);
        if (Mman.madvise(_address + (nint)firstPage, (nuint)(lastPage - firstPage), Mman.MADV_DONTNEED) < 0)
        {
            throw new IoException($"cannot give back {lastPage - firstPage} bytes of memory", Marshal.GetLastSystemError());
        }
    }

    /// <summary>Writes zeroes over the range, which keeps its memory.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The range leaves the mapping.</exception>
    public void Clear(ulong offset, ulong length)
    {
        Check(offset, length);
        while (length > 0)
        {
            int part = (int)Math.Min(length, 1 << 30);
            Slice(offset, part).Span.Clear();
            offset += (ulong)part;
            length -= (ulong)part;
        }
    }

    /// <summary>Unmaps. The caller answers for nothing still using a slice.</summary>
    public void Dispose()
    {
        Unmap();
        GC.SuppressFinalize(this);
    }

    private void Check(ulong offset, ulong length)
    {
        ObjectDisposedException.ThrowIf(_address == 0, this);
        if (offset > Length || length > Length - offset)
        {
            throw new ArgumentOutOfRangeException(nameof(offset), $"{length} bytes at {offset} leave the mapping of {Length} bytes");
        }
    }

    private void Unmap()
    {
        if (_address != 0)
        {
            _ = Mman.munmap(_address, (nuint)Length);
            _address = 0;
        }
    }
}
