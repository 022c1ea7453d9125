using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Harness.Ext2.Native;
using Harness.Io.Native;

namespace Harness.Ext2;

/// <summary>
/// Our <c>io_manager</c>: what the library calls to reach an image, which is a block and not a path. The calls come on the owner's thread, from within the
/// library calls that it makes, and end in its cache. No exception may leave them.
/// </summary>
internal static unsafe class ImageManager
{
    private const string NamePrefix = "harness:";
    private static readonly struct_io_manager* s_manager = Make();

    /// <summary>For <c>ext2fs_open</c>; lives as long as the process.</summary>
    public static struct_io_manager* Manager => s_manager;

    /// <summary>What <c>ext2fs_open</c> is to call an image.</summary>
    /// <param name="handle">A handle of its <see cref="ImageChannel"/>, which the caller frees after the file system.</param>
    public static string NameOf(GCHandle handle) => string.Create(CultureInfo.InvariantCulture, $"{NamePrefix}{GCHandle.ToIntPtr(handle)}");

    private static struct_io_manager* Make()
    {
        var manager = (struct_io_manager*)NativeMemory.AllocZeroed((nuint)sizeof(struct_io_manager));
        manager->magic = Ext2Error.EXT2_ET_MAGIC_IO_MANAGER;
        manager->name = (byte*)Marshal.StringToCoTaskMemUTF8("harness block");
        manager->open = &Open;
        manager->close = &Close;
        manager->set_blksize = &SetBlockSize;
        manager->read_blk = &Read;
        manager->write_blk = &Write;
        manager->flush = &Flush;
        manager->write_byte = &WriteByte;
        manager->read_blk64 = &Read64;
        manager->write_blk64 = &Write64;
        return manager;
    }

    [UnmanagedCallersOnly]
    private static nint Open(byte* name, int flags, struct_io_channel** channel)
    {
        try
        {
            string text = Marshal.PtrToStringUTF8((nint)name)!;
            nint handle = nint.Parse(text.AsSpan(NamePrefix.Length), CultureInfo.InvariantCulture);
            var made = (struct_io_channel*)NativeMemory.AllocZeroed((nuint)sizeof(struct_io_channel));
            made->magic = Ext2Error.EXT2_ET_MAGIC_IO_CHANNEL;
            made->manager = s_manager;
            made->name = (byte*)Marshal.StringToCoTaskMemUTF8(text);
            made->block_size = 1024;
            made->refcount = 1;
            made->private_data = (void*)handle;
            *channel = made;
            return 0;
        }
        catch (Exception e)
        {
            return Failed(e);
        }
    }

    [UnmanagedCallersOnly]
    private static nint Close(struct_io_channel* channel)
    {
        if (--channel->refcount == 0)
        {
            Marshal.FreeCoTaskMem((nint)channel->name);
            NativeMemory.Free(channel);
        }

        return 0;
    }

    [UnmanagedCallersOnly]
    private static nint SetBlockSize(struct_io_channel* channel, int blksize)
    {
        try
        {
            int error = Of(channel).Cache.SetBlockBytes(blksize);
            channel->block_size = error == 0 ? blksize : channel->block_size;
            return error;
        }
        catch (Exception e)
        {
            return Failed(e);
        }
    }

    [UnmanagedCallersOnly]
    private static nint Read(struct_io_channel* channel, nuint block, int count, void* data) => ReadBlocks(channel, block, count, data);

    [UnmanagedCallersOnly]
    private static nint Read64(struct_io_channel* channel, ulong block, int count, void* data) => ReadBlocks(channel, block, count, data);

    [UnmanagedCallersOnly]
    private static nint Write(struct_io_channel* channel, nuint block, int count, void* data) => WriteBlocks(channel, block, count, data);

    [UnmanagedCallersOnly]
    private static nint Write64(struct_io_channel* channel, ulong block, int count, void* data) => WriteBlocks(channel, block, count, data);

    [UnmanagedCallersOnly]
    private static nint WriteByte(struct_io_channel* channel, nuint offset, int count, void* data)
    {
        try
        {
            return Of(channel).Cache.Write(offset, new ReadOnlySpan<byte>(data, count));
        }
        catch (Exception e)
        {
            return Failed(e);
        }
    }

    [UnmanagedCallersOnly]
    private static nint Flush(struct_io_channel* channel)
    {
        try
        {
            return Of(channel).Flush();
        }
        catch (Exception e)
        {
            return Failed(e);
        }
    }

    private static nint ReadBlocks(struct_io_channel* channel, ulong block, int count, void* data)
    {
        try
        {
            return TryPlace(channel, block, count, out ulong offset, out int bytes)
                ? Of(channel).Cache.Read(offset, new Span<byte>(data, bytes))
                : Errno.EINVAL;
        }
        catch (Exception e)
        {
            return Failed(e);
        }
    }

    private static nint WriteBlocks(struct_io_channel* channel, ulong block, int count, void* data)
    {
        try
        {
            return TryPlace(channel, block, count, out ulong offset, out int bytes)
                ? Of(channel).Cache.Write(offset, new ReadOnlySpan<byte>(data, bytes))
                : Errno.EINVAL;
        }
        catch (Exception e)
        {
            return Failed(e);
        }
    }

    /// <summary>A negative count is one of bytes. False where a damaged image asks for what no image has.</summary>
    private static bool TryPlace(struct_io_channel* channel, ulong block, int count, out ulong offset, out int bytes)
    {
        ulong place = Math.BigMul(block, (ulong)channel->block_size, out offset);
        long length = count < 0 ? -(long)count : (long)count * channel->block_size;
        bytes = (int)length;
        return place == 0 && length <= int.MaxValue;
    }

    private static ImageChannel Of(struct_io_channel* channel) => (ImageChannel)GCHandle.FromIntPtr((nint)channel->private_data).Target!;

    private static nint Failed(Exception e) => e is OutOfMemoryException ? Errno.ENOMEM : Errno.EIO;
}

/// <summary>What stands behind a channel of the library.</summary>
/// <param name="image">The image.</param>
internal sealed class ImageChannel(ImageRequests image)
{
    /// <summary>What the library has read and written.</summary>
    public MetadataCache Cache { get; } = new(image);

    /// <summary>Writes what was changed, and makes it durable. Returns 0 or an errno.</summary>
    public int Flush() => Cache.WriteBack() is > 0 and int error ? error : image.Flush();
}
