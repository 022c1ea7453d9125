using Harness.Io.Native;
using Harness.Nbd;

namespace Harness.Ext2;

/// <summary>
/// What the library reads and writes of the image, kept in memory by blocks of the file system, until <see cref="WriteBack"/>. So a server that is killed
/// between two flushes leaves metadata behind that agree with each other. The contents of files do not pass through here, and a block that becomes one of a
/// file's is forgotten (<see cref="Forget"/>). On the owner's thread.
/// </summary>
/// <param name="image">Where it comes from.</param>
internal sealed class MetadataCache(ImageRequests image)
{
    // What has not been changed is dropped beyond it; it can be read again.
    private const long MaxCleanBytes = 32 << 20;
    private const int MaxRunBytes = 1 << 20;

    private readonly Dictionary<ulong, Page> _pages = [];
    private readonly SortedSet<ulong> _changed = [];

    // As the library has it before it knows better.
    private int _blockBytes = 1024;

    /// <summary>Bytes that only memory has.</summary>
    public long ChangedBytes => (long)_changed.Count * _blockBytes;

    /// <summary>The library says how large blocks are.</summary>
    public int SetBlockBytes(int bytes)
    {
        if (bytes == _blockBytes)
        {
            return 0;
        }

        int error = WriteBack();
        if (error == 0)
        {
            _pages.Clear();
            _blockBytes = bytes;
        }

        return error;
    }

    /// <summary>Reads. Returns 0 or an errno.</summary>
    public int Read(ulong offset, Span<byte> into)
    {
        if (OutOfRange(offset, into.Length))
        {
            return Errno.EIO;
        }

        while (!into.IsEmpty)
        {
            int at = (int)(offset % (ulong)_blockBytes);
            int length = Math.Min(into.Length, _blockBytes - at);
            int error = TryFind(offset / (ulong)_blockBytes, at + into.Length, out Page page);
            if (error != 0)
            {
                return error;
            }

            page.Bytes.AsSpan(at, length).CopyTo(into);
            offset += (ulong)length;
            into = into[length..];
        }

        return 0;
    }

    /// <summary>Keeps what is written until the next <see cref="WriteBack"/>. Returns 0 or an errno.</summary>
    public int Write(ulong offset, ReadOnlySpan<byte> from)
    {
        if (OutOfRange(offset, from.Length))
        {
            return Errno.EIO;
        }

        while (!from.IsEmpty)
        {
            ulong block = offset / (ulong)_blockBytes;
            int at = (int)(offset % (ulong)_blockBytes);
            int length = Math.Min(from.Length, _blockBytes - at);
            Page? page = null;
            if (length < _blockBytes && TryFind(block, _blockBytes, out page) is > 0 and int error)
            {
                return error;
            }

            Change(block, page, at, from[..length]);
            offset += (ulong)length;
            from = from[length..];
        }

        return 0;
    }

    /// <summary>The block belongs to a file from now on, and what the library has put there is not to be written.</summary>
    public void Forget(ulong block)
    {
        _pages.Remove(block);
        _changed.Remove(block);
    }

    /// <summary>Writes what was changed, neighbours together. Returns 0 or an errno; what could not be written is tried again next time.</summary>
    public int WriteBack()
    {
        while (_changed.Count > 0)
        {
            ulong first = _changed.Min;
            int count = 1;
            while ((count + 1) * _blockBytes <= MaxRunBytes && _changed.Contains(first + (ulong)count))
            {
                count++;
            }

            if (WriteRun(first, count) is > 0 and int error)
            {
                return error;
            }

            for (int i = 0; i < count; i++)
            {
                _changed.Remove(first + (ulong)i);
            }
        }

        return 0;
    }

    private bool OutOfRange(ulong offset, int length) => offset > image.Size || (ulong)length > image.Size - offset;

    private int WriteRun(ulong first, int count)
    {
        PooledBuffer buffer = image.Rent(count * _blockBytes);
        for (int i = 0; i < count; i++)
        {
            _pages[first + (ulong)i].Bytes.CopyTo(buffer.Slice.Span[(i * _blockBytes)..]);
        }

        int error = image.Write(first * (ulong)_blockBytes, buffer.Slice);
        buffer.Release();
        return error;
    }

    private void Change(ulong block, Page? page, int at, ReadOnlySpan<byte> from)
    {
        page ??= _pages.GetValueOrDefault(block);
        if (page is null)
        {
            page = new Page(new byte[_blockBytes]);
            _pages.Add(block, page);
        }
        else if (from.SequenceEqual(page.Bytes.AsSpan(at, from.Length)))
        {
            // The library writes all bitmaps and all descriptors where one has changed.
            return;
        }

        from.CopyTo(page.Bytes.AsSpan(at));
        _changed.Add(block);
    }

    /// <summary>The block, read together with those after it where more is wanted.</summary>
    private int TryFind(ulong block, int wantedBytes, out Page page)
    {
        if (_pages.TryGetValue(block, out Page? found))
        {
            page = found;
            return 0;
        }

        int count = 1;
        while (count * _blockBytes < Math.Min(wantedBytes, MaxRunBytes) && !_pages.ContainsKey(block + (ulong)count))
        {
            count++;
        }

        DropClean();
        ulong offset = block * (ulong)_blockBytes;
        byte[] bytes = new byte[count * _blockBytes];
        int there = (int)Math.Min((ulong)bytes.Length, image.Size - offset);
        int error = image.Read(offset, bytes.AsSpan(0, there));
        for (int i = 0; i < count && error == 0; i++)
        {
            _pages.Add(block + (ulong)i, new Page(bytes.AsSpan(i * _blockBytes, _blockBytes).ToArray()));
        }

        page = error == 0 ? _pages[block] : null!;
        return error;
    }

    private void DropClean()
    {
        if ((long)(_pages.Count - _changed.Count) * _blockBytes <= MaxCleanBytes)
        {
            return;
        }

        foreach (ulong block in _pages.Keys.Where(block => !_changed.Contains(block)).ToArray())
        {
            _pages.Remove(block);
        }
    }

    private sealed record Page(byte[] Bytes);
}
