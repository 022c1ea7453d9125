using Harness.Ext2.Native;
using Harness.Io;
using Harness.Io.Native;
using Harness.Nbd;

namespace Harness.Ext2;

/// <summary>
/// What only the library can do with a file's blocks: say where they lie, give it new ones, take some away; and the bytes that lie in an inode. On the thread
/// of the image's owner. Everything returns 0 or an errno.
/// </summary>
/// <remarks>
/// A new block is written whole, with zeroes around the data, before the map speaks of it: nobody ever sees what was in it before. Blocks that were freed are
/// not given out again before the image knows that they were, or a server that is killed would leave one file's data in another.
/// </remarks>
/// <param name="fs">The file system.</param>
/// <param name="image">Requests to the image that it lies in.</param>
internal sealed unsafe class FileBlocks(FileSystem fs, ImageRequests image)
{
    // Blocks that the library is asked for at one time beyond those that are wanted: they lie near, and will be.
    private const ulong AheadBlocks = 1024;
    private const ulong BlocksToStep = 65_536;
    // What an extended attribute may have at most, wherever it lies.
    private const uint MaxValueBytes = 64 << 10;
    private const int MaxRunBytes = 1 << 20;
    private const long MaxChangedBytes = 64 << 20;

    private bool _hasBitmap;
    private bool _hasFreed;
    private int _broken;
    private int _hasChanges;

    /// <summary>True where a flush has metadata to write. Any thread.</summary>
    public bool HasChanges => Volatile.Read(ref _hasChanges) != 0;

    /// <summary>Finds out where some bytes of a file lie, and notes it in its map.</summary>
    public int Resolve(OpenInode inode, ulong offset, ulong length)
    {
        BlockMap map = inode.Map;
        ulong first = offset / map.BlockBytes;
        ulong end = Math.Min(map.Blocks, Math.Max(((offset + length - 1) / map.BlockBytes) + 1, ((first / AheadBlocks) + 1) * AheadBlocks));
        return Walk(inode, first, end, (block, count, state, place) =>
        {
            map.Set(block, count, state, place);
            return true;
        });
    }

    /// <summary>
    /// Says what lies where, for BLOCK_STATUS: past the map, of which a hole of any size would take memory, and in steps that keep nobody waiting for long.
    /// </summary>
    /// <param name="inode">The file.</param>
    /// <param name="offset">First byte.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="most">Extents at most.</param>
    /// <param name="extents">Emptied, then filled from the first byte on, at most to the end of the range.</param>
    public int Describe(OpenInode inode, ulong offset, ulong length, int most, List<BlockExtent> extents)
    {
        extents.Clear();
        BlockMap map = inode.Map;
        ulong first = offset / map.BlockBytes;
        ulong end = ((offset + length - 1) / map.BlockBytes) + 1;
        ulong told = offset;
        if (!inode.Inode->Has(ext2_inode.EXT4_EXTENTS_FL))
        {
            end = Math.Min(end, first + BlocksToStep);
        }

        return Walk(inode, first, end, (block, count, state, _) =>
        {
            ulong stop = Math.Min((block + count) * map.BlockBytes, offset + length);
            ExtentState says = state switch
            {
                BlockState.Hole => ExtentState.Hole | ExtentState.Zero,
                BlockState.Unwritten => ExtentState.Zero,
                _ => ExtentState.Data,
            };
            if (extents.Count > 0 && extents[^1].State == says)
            {
                extents[^1] = new BlockExtent(extents[^1].Length + stop - told, says);
            }
            else if (extents.Count == most)
            {
                return false;
            }
            else
            {
                extents.Add(new BlockExtent(stop - told, says));
            }

            told = stop;
            return true;
        });
    }

    /// <summary>Writes, into new blocks where there are none.</summary>
    /// <param name="inode">The file.</param>
    /// <param name="offset">First byte.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="payload">What to write; empty for zeroes.</param>
    public int Write(OpenInode inode, ulong offset, ulong length, NativeSlice payload)
    {
        while (length > 0)
        {
            ulong run = inode.Map.RunAt(offset, Math.Min(length, MaxRunBytes), out BlockState state, out ulong imageOffset);
            NativeSlice part = payload.IsEmpty ? default : payload.Slice(0, (int)run);
            int error = state switch
            {
                BlockState.Unknown => Resolve(inode, offset, length),
                BlockState.Data => WriteData(imageOffset, run, part),
                _ => WriteNew(inode, offset, run, part, state),
            };
            if (error != 0)
            {
                return error;
            }

            if (state != BlockState.Unknown)
            {
                offset += run;
                length -= run;
                payload = payload.IsEmpty ? payload : payload.Slice((int)run);
            }
        }

        return Settle();
    }

    /// <summary>
    /// Takes the blocks away that lie wholly in a range. The caller is alone with the file (<see cref="OpenInode.TryBeAlone"/>).
    /// </summary>
    /// <param name="inode">The file.</param>
    /// <param name="offset">First byte.</param>
    /// <param name="length">Bytes, 1 or more.</param>
    /// <param name="zeroEnds">Writes zeroes over what lies in blocks that the range has a part of only.</param>
    public int Punch(OpenInode inode, ulong offset, ulong length, bool zeroEnds)
    {
        BlockMap map = inode.Map;
        ulong end = offset + length;
        ulong first = (offset + map.BlockBytes - 1) / map.BlockBytes;
        ulong beyond = end == map.Size ? map.Blocks : end / map.BlockBytes;
        if (first < beyond && PunchBlocks(inode, first, beyond) is > 0 and int error)
        {
            return error;
        }

        if (!zeroEnds)
        {
            return Settle();
        }

        ulong headEnd = Math.Min(first * map.BlockBytes, end);
        ulong tail = Math.Max(beyond * map.BlockBytes, headEnd);
        int failed = headEnd > offset ? ZeroData(inode, offset, headEnd - offset) : 0;
        return failed != 0 ? failed : tail < end ? ZeroData(inode, tail, end - tail) : Settle();
    }

    /// <summary>Reads from a file whose bytes lie in its inode.</summary>
    public int ReadInline(OpenInode inode, ulong offset, NativeSlice into)
    {
        int error = GetInline(inode, out byte[] bytes);
        if (error == 0)
        {
            bytes.AsSpan((int)offset, into.Length).CopyTo(into.Span);
        }

        return error;
    }

    /// <summary>Writes into a file whose bytes lie in its inode; an empty payload is zeroes.</summary>
    public int WriteInline(OpenInode inode, ulong offset, ulong length, NativeSlice payload)
    {
        if (_broken != 0)
        {
            return _broken;
        }

        if (GetInline(inode, out byte[] bytes) is > 0 and int error)
        {
            return error;
        }

        Span<byte> part = bytes.AsSpan((int)offset, (int)length);
        part.Clear();
        payload.Span.CopyTo(part);
        MarkChanged();

        // Not its ext2fs_file_write, which crashes on files like this (tried with 1.47.0).
        fixed (byte* buffer = bytes)
        {
            nint failed = Ext2fs.ext2fs_inline_data_set(fs.Handle, inode.Ino, inode.Inode, buffer, (nuint)inode.Map.Size);
            return failed == 0 ? Settle() : Break(Ext2Error.ToErrno(failed));
        }
    }

    /// <summary>Makes durable what was changed, the library's part and everything else.</summary>
    public int Flush()
    {
        if (_broken != 0 || !HasChanges)
        {
            return _broken != 0 ? _broken : fs.FlushImage();
        }

        int error = fs.Flush();
        if (error == 0)
        {
            _hasFreed = false;
            Volatile.Write(ref _hasChanges, 0);
        }

        return error;
    }

    /// <summary>Tells of a file's blocks, one run after the other, until it is told not to go on.</summary>
    private int Walk(OpenInode inode, ulong first, ulong end, Note note) =>
        Ext2Error.ToErrno(inode.Inode->Has(ext2_inode.EXT4_EXTENTS_FL) ? WalkExtents(inode, first, end, note) : WalkBlocks(inode, first, end, note));

    private nint WalkExtents(OpenInode inode, ulong first, ulong end, Note note)
    {
        void* handle;
        nint error = Ext2fs.ext2fs_extent_open2(fs.Handle, inode.Ino, inode.Inode, &handle);
        if (error != 0)
        {
            return error;
        }

        for (ulong block = first; block < end && error == 0;)
        {
            ext2fs_extent extent = default;
            error = Ext2fs.ext2fs_extent_goto(handle, block);
            if (error == 0)
            {
                error = Ext2fs.ext2fs_extent_get(handle, Ext2fs.EXT2_EXTENT_CURRENT, &extent);
            }
            else if (error == Ext2Error.EXT2_ET_EXTENT_NOT_FOUND)
            {
                error = 0;
            }

            if (error == 0)
            {
                bool isHole = extent.e_len == 0;
                ulong stop = isHole ? HoleEnd(handle, block, end) : Math.Min(end, extent.e_lblk + extent.e_len);
                BlockState state = isHole ? BlockState.Hole
                    : (extent.e_flags & Ext2fs.EXT2_EXTENT_FLAGS_UNINIT) != 0 ? BlockState.Unwritten : BlockState.Data;
                ulong place = extent.e_pblk + (block - extent.e_lblk);
                error = IsSound(state, place, stop - block) ? 0 : Ext2Error.EUCLEAN;
                block = error != 0 ? block : note(block, stop - block, state, place) ? stop : end;
            }
        }

        Ext2fs.ext2fs_extent_free(handle);
        return error;
    }

    /// <summary>
    /// Where the hole ends that a block is in. The library stands at the extent before it or, where that would lie in another node, at the one after it.
    /// </summary>
    private static ulong HoleEnd(void* handle, ulong block, ulong end)
    {
        ext2fs_extent extent;
        bool has = Ext2fs.ext2fs_extent_get(handle, Ext2fs.EXT2_EXTENT_CURRENT, &extent) == 0;
        if (has && extent.e_lblk < block)
        {
            has = Ext2fs.ext2fs_extent_get(handle, Ext2fs.EXT2_EXTENT_NEXT_LEAF, &extent) == 0;
        }

        return has && extent.e_lblk > block ? Math.Min(extent.e_lblk, end) : has ? block + 1 : end;
    }

    /// <summary>A damaged map may lead anywhere, but not out of the image.</summary>
    private bool IsSound(BlockState state, ulong place, ulong count) =>
        state != BlockState.Data || (place > 0 && count <= image.Size / fs.BlockBytes && place <= (image.Size / fs.BlockBytes) - count);

    private nint WalkBlocks(OpenInode inode, ulong first, ulong end, Note note)
    {
        nint error = 0;
        for (ulong block = first; block < end && error == 0; block++)
        {
            error = Bmap(inode, block, 0, out ulong place);
            BlockState state = place == 0 ? BlockState.Hole : BlockState.Data;
            if (error == 0 && !IsSound(state, place, 1))
            {
                error = Ext2Error.EUCLEAN;
            }
            else if (error == 0 && !note(block, 1, state, place))
            {
                break;
            }
        }

        return error;
    }

    private nint Bmap(OpenInode inode, ulong block, int flags, out ulong place)
    {
        ulong at = 0;
        nint error = Ext2fs.ext2fs_bmap2(fs.Handle, inode.Ino, inode.Inode, null, flags, block, null, &at);
        place = at;
        return error;
    }

    private int WriteData(ulong imageOffset, ulong length, NativeSlice payload)
    {
        if (!payload.IsEmpty)
        {
            return image.Write(imageOffset, payload);
        }

        PooledBuffer zeroes = image.Rent((int)length);
        zeroes.Slice.Span.Clear();
        int error = image.Write(imageOffset, zeroes.Slice);
        zeroes.Release();
        return error;
    }

    /// <summary>Writes a run of bytes whose blocks are holes, or were never written.</summary>
    private int WriteNew(OpenInode inode, ulong offset, ulong length, NativeSlice payload, BlockState state)
    {
        if (Prepare() is > 0 and int unfit)
        {
            return unfit;
        }

        uint bytes = inode.Map.BlockBytes;
        ulong first = offset / bytes;
        int count = (int)(((offset + length - 1) / bytes) - first + 1);
        var places = new ulong[count];
        int given = 0;
        nint error = 0;
        while (given < count && error == 0)
        {
            error = Bmap(inode, first + (ulong)given, state == BlockState.Hole ? Ext2fs.BMAP_ALLOC : 0, out places[given]);
            if (error == 0)
            {
                // What the library wrote there, zeroes or an index that is no more, is not to come after what we write.
                fs.Cache.Forget(places[given]);
                given++;
            }
        }

        int failed = given > 0 ? Fill(inode, offset, length, payload, first, places.AsSpan(0, given), state) : 0;
        return failed != 0 ? failed
            : error == Ext2Error.EXT2_ET_BLOCK_ALLOC_FAIL ? Errno.ENOSPC
            : error != 0 ? Break(Ext2Error.ToErrno(error)) : 0;
    }

    /// <summary>Writes new blocks whole, those that lie side by side at once, and then says that they are there.</summary>
    private int Fill(OpenInode inode, ulong offset, ulong length, NativeSlice payload, ulong first, ReadOnlySpan<ulong> places, BlockState state)
    {
        uint bytes = inode.Map.BlockBytes;
        PooledBuffer buffer = image.Rent(places.Length * (int)bytes);
        Span<byte> whole = buffer.Slice.Span;
        whole.Clear();
        int skip = (int)(offset - (first * bytes));
        if (!payload.IsEmpty)
        {
            payload.Span[..(int)Math.Min(length, (ulong)(whole.Length - skip))].CopyTo(whole[skip..]);
        }

        nint error = 0;
        for (int i = 0; i < places.Length && error == 0;)
        {
            int run = 1;
            while (i + run < places.Length && places[i + run] == places[i] + (ulong)run)
            {
                run++;
            }

            error = image.Write(places[i] * bytes, buffer.Slice.Slice(i * (int)bytes, run * (int)bytes));
            if (error == 0 && state == BlockState.Unwritten)
            {
                error = MarkWritten(inode, first + (ulong)i, places.Slice(i, run));
            }

            if (error == 0)
            {
                inode.Map.Set(first + (ulong)i, (ulong)run, BlockState.Data, places[i]);
            }

            i += run;
        }

        buffer.Release();
        return error == 0 ? 0 : TakeBack(inode, first, (ulong)places.Length, state, Ext2Error.ToErrno(error));
    }

    /// <summary>
    /// New blocks could not be written: those that the map does not know hold what somebody else had there, and go back. Nobody has seen them, so there is
    /// nobody to wait for.
    /// </summary>
    private int TakeBack(OpenInode inode, ulong first, ulong count, BlockState state, int error)
    {
        ulong block = first;
        while (inode.Map.StateOf(block) == BlockState.Data)
        {
            block++;
        }

        _hasFreed = true;
        bool isBack = state == BlockState.Unwritten
            || (inode.CanPunch && Ext2fs.ext2fs_punch(fs.Handle, inode.Ino, inode.Inode, null, block, first + count - 1) == 0);
        return isBack ? error : Break(error);
    }

    private nint MarkWritten(OpenInode inode, ulong block, ReadOnlySpan<ulong> places)
    {
        nint error = 0;
        for (int i = 0; i < places.Length && error == 0; i++)
        {
            ulong place = places[i];
            error = Ext2fs.ext2fs_bmap2(fs.Handle, inode.Ino, inode.Inode, null, Ext2fs.BMAP_SET, block + (ulong)i, null, &place);
        }

        return error;
    }

    private int PunchBlocks(OpenInode inode, ulong first, ulong beyond)
    {
        if (Prepare() is > 0 and int unfit)
        {
            return unfit;
        }

        inode.Map.Forget(first, beyond - first);
        nint error = Ext2fs.ext2fs_punch(fs.Handle, inode.Ino, inode.Inode, null, first, beyond - 1);
        _hasFreed = true;
        return error == 0 ? 0 : Break(Ext2Error.ToErrno(error));
    }

    /// <summary>Writes zeroes where there is data; elsewhere there are zeroes.</summary>
    private int ZeroData(OpenInode inode, ulong offset, ulong length)
    {
        if (inode.Map.StateOf(offset / inode.Map.BlockBytes) == BlockState.Unknown && Resolve(inode, offset, length) is > 0 and int error)
        {
            return error;
        }

        return inode.Map.StateOf(offset / inode.Map.BlockBytes) == BlockState.Data ? Write(inode, offset, length, default) : 0;
    }

    /// <summary>Before anything is given or taken.</summary>
    private int Prepare()
    {
        if (_broken != 0)
        {
            return _broken;
        }

        if (!_hasBitmap)
        {
            nint error = Ext2fs.ext2fs_read_block_bitmap(fs.Handle);
            if (error != 0)
            {
                return Ext2Error.ToErrno(error);
            }

            _hasBitmap = true;
        }

        if (_hasFreed && Flush() is > 0 and int failed)
        {
            return failed;
        }

        MarkChanged();
        return 0;
    }

    private void MarkChanged() => Volatile.Write(ref _hasChanges, 1);

    /// <summary>After a change: what only memory has is bounded.</summary>
    private int Settle() => fs.Cache.ChangedBytes > MaxChangedBytes ? Flush() : 0;

    /// <summary>
    /// A change has failed half way. What is in memory cannot be trusted: nothing of it is written any more, so that the image stays as it was flushed last.
    /// </summary>
    private int Break(int error)
    {
        _broken = error;
        return error;
    }

    /// <summary>The bytes of a file that lie in its inode, as many as the file has or more, with zeroes behind what is there.</summary>
    private int GetInline(OpenInode inode, out byte[] bytes)
    {
        // More than there can be: a damaged image may have a length that the library believes.
        bytes = new byte[MaxValueBytes + (fs.BlockBytes * 2)];
        nuint size;
        fixed (byte* buffer = bytes)
        {
            return inode.Map.Size > fs.BlockBytes
                ? Ext2Error.EUCLEAN
                : Ext2Error.ToErrno(Ext2fs.ext2fs_inline_data_get(fs.Handle, inode.Ino, inode.Inode, buffer, &size));
        }
    }

    private delegate bool Note(ulong block, ulong count, BlockState state, ulong imageBlock);
}
