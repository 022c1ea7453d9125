using Harness.Ext2.Native;
using Harness.Io;
using Harness.Io.Native;
using Harness.Nbd;

namespace Harness.Ext2;

/// <summary>
/// What only the library can do with a file's blocks: say where they lie, give it new ones, take some away; and the bytes that lie in an inode. On the thread of
/// the image's owner. Everything returns 0 or an errno.
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
        nint error = inode.Inode->Has(ext2_inode.EXT4_EXTENTS_FL) ? ResolveExtents(inode, first, end) : ResolveBlocks(inode, first, end);
        return Ext2Error.ToErrno(error);
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
    public int ReadInline(OpenInode inode, ulong offset, NativeSlice into) => WithFile(inode, 0, offset, file =>
    {
        uint got;
        nint error = Ext2fs.ext2fs_file_read(file, (void*)into.Address, (uint)into.Length, &got);
        if (error == 0)
        {
            into.Span[(int)got..].Clear();
        }

        return error;
    });

    /// <summary>Writes into a file whose bytes lie in its inode.</summary>
    public int WriteInline(OpenInode inode, ulong offset, ulong length, NativeSlice payload)
    {
        if (_broken != 0)
        {
            return _broken;
        }

        PooledBuffer? zeroes = payload.IsEmpty ? image.Rent((int)length) : null;
        zeroes?.Slice.Span.Clear();
        NativeSlice from = zeroes?.Slice ?? payload;
        MarkChanged();
        int error = WithFile(inode, Ext2fs.EXT2_FILE_WRITE, offset, file =>
        {
            uint written;
            nint failed = Ext2fs.ext2fs_file_write(file, (void*)from.Address, (uint)from.Length, &written);
            return failed != 0 || written == (uint)from.Length ? failed : Errno.EIO;
        });
        zeroes?.Release();
        *inode.Inode = fs.ReadInode(inode.Ino);
        inode.NoteForm();
        return error == 0 ? Settle() : Break(error);
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

    private nint ResolveExtents(OpenInode inode, ulong first, ulong end)
    {
        void* handle;
        nint error = Ext2fs.ext2fs_extent_open2(fs.Handle, inode.Ino, inode.Inode, &handle);
        if (error != 0)
        {
            return error;
        }

        ext2fs_extent extent = default;
        for (ulong block = first; block < end && error == 0;)
        {
            error = Ext2fs.ext2fs_extent_goto(handle, block);
            bool found = error == 0;
            if (found)
            {
                error = Ext2fs.ext2fs_extent_get(handle, Ext2fs.EXT2_EXTENT_CURRENT, &extent);
            }
            else if (error == Ext2Error.EXT2_ET_EXTENT_NOT_FOUND)
            {
                error = 0;
                extent.e_lblk = NextExtent(handle, block, end);
            }

            block = error == 0 ? NoteExtent(inode.Map, block, end, extent, found) : block;
        }

        Ext2fs.ext2fs_extent_free(handle);
        return error;
    }

    /// <summary>
    /// Where the hole ends that a block is in. The library stands at the extent before it or, where that would lie in another node, at the one after it.
    /// </summary>
    private static ulong NextExtent(void* handle, ulong block, ulong end)
    {
        ext2fs_extent extent;
        bool has = Ext2fs.ext2fs_extent_get(handle, Ext2fs.EXT2_EXTENT_CURRENT, &extent) == 0;
        if (has && extent.e_lblk < block)
        {
            has = Ext2fs.ext2fs_extent_get(handle, Ext2fs.EXT2_EXTENT_NEXT_LEAF, &extent) == 0;
        }

        return has && extent.e_lblk > block ? Math.Min(extent.e_lblk, end) : has ? block + 1 : end;
    }

    private static ulong NoteExtent(BlockMap map, ulong block, ulong end, in ext2fs_extent extent, bool found)
    {
        if (!found)
        {
            map.SetZero(block, extent.e_lblk - block, BlockState.Hole);
            return extent.e_lblk;
        }

        ulong stop = Math.Min(end, extent.e_lblk + extent.e_len);
        if ((extent.e_flags & Ext2fs.EXT2_EXTENT_FLAGS_UNINIT) != 0)
        {
            map.SetZero(block, stop - block, BlockState.Unwritten);
        }
        else
        {
            map.SetData(block, stop - block, extent.e_pblk + (block - extent.e_lblk));
        }

        return stop;
    }

    private nint ResolveBlocks(OpenInode inode, ulong first, ulong end)
    {
        nint error = 0;
        for (ulong block = first; block < end && error == 0; block++)
        {
            error = Bmap(inode, block, 0, out ulong place, out _);
            if (error == 0 && place == 0)
            {
                inode.Map.SetZero(block, 1, BlockState.Hole);
            }
            else if (error == 0)
            {
                inode.Map.SetData(block, 1, place);
            }
        }

        return error;
    }

    private nint Bmap(OpenInode inode, ulong block, int flags, out ulong place, out int found)
    {
        ulong at = 0;
        int state = 0;
        nint error = Ext2fs.ext2fs_bmap2(fs.Handle, inode.Ino, inode.Inode, null, flags, block, &state, &at);
        (place, found) = (at, state);
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
            error = Bmap(inode, first + (ulong)given, state == BlockState.Hole ? Ext2fs.BMAP_ALLOC : 0, out places[given], out _);
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
                inode.Map.SetData(first + (ulong)i, (ulong)run, places[i]);
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
        bool isBack = state == BlockState.Unwritten || Ext2fs.ext2fs_punch(fs.Handle, inode.Ino, inode.Inode, null, block, first + count - 1) == 0;
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

    private int WithFile(OpenInode inode, int flags, ulong offset, Use use)
    {
        void* file;
        nint error = Ext2fs.ext2fs_file_open(fs.Handle, inode.Ino, flags, &file);
        if (error == 0)
        {
            error = Ext2fs.ext2fs_file_llseek(file, offset, Ext2fs.EXT2_SEEK_SET, null);
            error = error == 0 ? use(file) : error;
            nint closed = Ext2fs.ext2fs_file_close(file);
            error = error == 0 ? closed : error;
        }

        return Ext2Error.ToErrno(error);
    }

    private delegate nint Use(void* file);
}
