using System.Runtime.InteropServices;
using Harness.Ext2.Native;
using Harness.Nbd;

namespace Harness.Ext2;

/// <summary>What a name in an image stands for.</summary>
/// <param name="Ino">The inode.</param>
/// <param name="Size">Bytes of the file.</param>
/// <param name="BlockBytes">Bytes of a block of the file system.</param>
internal readonly record struct FoundFile(uint Ino, ulong Size, uint BlockBytes);

/// <summary>An open file system, and what the library is asked about it. Everything here is for the thread of the image's owner.</summary>
internal sealed unsafe class FileSystem : IDisposable
{
    private const uint NoWriting = ext2_super_block.EXT4_FEATURE_RO_COMPAT_QUOTA | ext2_super_block.EXT4_FEATURE_RO_COMPAT_PROJECT
        | ext2_super_block.EXT4_FEATURE_RO_COMPAT_READONLY | ext2_super_block.EXT4_FEATURE_RO_COMPAT_SHARED_BLOCKS;

    private readonly ImageChannel _channel;
    private readonly string _image;
    private GCHandle _handle;
    private struct_ext2_filsys* _fs;

    /// <param name="image">Requests of the owner to the image.</param>
    /// <param name="describe">The image, for messages.</param>
    /// <param name="writable">It is to be changed.</param>
    /// <exception cref="BlockException">It is none, is damaged, or may not be changed; the message says what to do.</exception>
    public FileSystem(ImageRequests image, string describe, bool writable)
    {
        _image = describe;
        _channel = new ImageChannel(image);
        _handle = GCHandle.Alloc(_channel);
        int flags = Ext2fs.EXT2_FLAG_64BITS | Ext2fs.EXT2_FLAG_MASTER_SB_ONLY | Ext2fs.EXT2_FLAG_SKIP_MMP | (writable ? Ext2fs.EXT2_FLAG_RW : 0);
        struct_ext2_filsys* fs = null;
        nint error = Ext2fs.ext2fs_open(ImageManager.NameOf(_handle), flags, 0, 0, ImageManager.Manager, &fs);
        if (error != 0)
        {
            _handle.Free();
            throw new BlockException(error is Ext2Error.EXT2_ET_BAD_MAGIC or Ext2Error.EXT2_ET_SHORT_READ
                ? $"{describe} is no ext2, ext3 or ext4 image; make one with 'mke2fs -t ext4 FILE 1G', or name its partition: image=partition:number=1/file:FILE"
                : $"{describe} cannot be opened: {Ext2Error.Text(error)}; 'e2fsck -fn FILE' says what is wrong with it");
        }

        _fs = fs;
        try
        {
            CheckWritable(writable);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The library's handle.</summary>
    public struct_ext2_filsys* Handle => _fs;

    /// <summary>Bytes of a block.</summary>
    public uint BlockBytes => _fs->blocksize;

    /// <summary>What the library has read and written.</summary>
    public MetadataCache Cache => _channel.Cache;

    /// <summary>A regular file by its name. Links on the way are followed as in the image's own root, and never lead out of it.</summary>
    /// <param name="path">From the image's root.</param>
    /// <param name="writable">It is to be changed.</param>
    /// <param name="follow">The path itself may be a link, too.</param>
    /// <exception cref="BlockException">There is none, or it cannot be served; the message says why, and to a client without naming the image.</exception>
    public FoundFile Find(string path, bool writable, bool follow)
    {
        uint ino;
        nint error = follow
            ? Ext2fs.ext2fs_namei_follow(_fs, Ext2fs.EXT2_ROOT_INO, Ext2fs.EXT2_ROOT_INO, path, &ino)
            : Ext2fs.ext2fs_namei(_fs, Ext2fs.EXT2_ROOT_INO, Ext2fs.EXT2_ROOT_INO, path, &ino);
        if (error != 0)
        {
            throw error switch
            {
                Ext2Error.EXT2_ET_FILE_NOT_FOUND => Refused(path, "there is no such file", "'debugfs -R \"ls -p /\" FILE' lists what there is"),
                Ext2Error.EXT2_ET_NO_DIRECTORY => Refused(path, "the path leads through something that is no directory"),
                Ext2Error.EXT2_ET_SYMLINK_LOOP => Refused(path, "it is a symbolic link that leads round in circles"),
                _ => Refused(path, $"it cannot be looked up ({Ext2Error.Text(error)})", "'e2fsck -fn FILE' says what is wrong with it"),
            };
        }

        ext2_inode inode = ReadInode(ino);
        string? reason = (inode.i_mode & ext2_inode.S_IFMT) switch
        {
            ext2_inode.S_IFREG => null,
            ext2_inode.S_IFDIR => "it is a directory; name a regular file",
            ext2_inode.S_IFLNK => "it is a symbolic link; name the file that it leads to",
            _ => "it is no regular file; name one",
        };
        reason ??= inode.Size == 0 ? "it is empty, and a file that is served keeps its size; make it larger first, with 'truncate' on a mounted image"
            : inode.Has(ext2_inode.EXT4_ENCRYPT_FL | ext2_inode.EXT2_COMPR_FL) ? "it is encrypted or compressed, which only a mounted image can undo"
            : writable && inode.Has(ext2_inode.EXT4_VERITY_FL) ? "it is protected by fs-verity and cannot be changed; serve it with --read-only"
            : null;
        return reason is null ? new FoundFile(ino, inode.Size, BlockBytes) : throw Refused(path, reason);
    }

    /// <summary>An inode as the library has it.</summary>
    /// <exception cref="BlockException">It is damaged.</exception>
    public ext2_inode ReadInode(uint ino)
    {
        ext2_inode inode;
        nint error = Ext2fs.ext2fs_read_inode(_fs, ino, &inode);
        return error == 0 ? inode : throw new BlockException($"inode {ino} of {_image} cannot be read: {Ext2Error.Text(error)}; repair it with 'e2fsck -f FILE'");
    }

    /// <summary>Writes bitmaps, descriptors and superblock, then everything changed to the image, and makes it durable. Returns 0 or an errno.</summary>
    public int Flush() => Ext2Error.ToErrno(Ext2fs.ext2fs_flush(_fs));

    /// <summary>Makes durable what went to the image without the library. Returns 0 or an errno.</summary>
    public int FlushImage() => _channel.Flush();

    /// <summary>Closes the file system; what was not flushed is lost.</summary>
    public void Dispose()
    {
        if (_fs != null)
        {
            Ext2fs.ext2fs_free(_fs);
            _fs = null;
            _handle.Free();
        }
    }

    private BlockException Refused(string path, string why, string? remedy = null) =>
        new($"'{path}' in {_image}: {why}{(remedy is null ? string.Empty : "; ")}{remedy}") { ForClient = why };

    private void CheckWritable(bool writable)
    {
        ext2_super_block* super = _fs->super;
        string? reason = !writable ? null
            : (super->s_feature_incompat & ext2_super_block.EXT3_FEATURE_INCOMPAT_RECOVER) != 0
                ? "its journal has changes that are not in their places yet: it is mounted, or was not unmounted; run 'e2fsck -p FILE' once it is not, or serve it with --read-only"
            : (super->s_state & ext2_super_block.EXT2_ERROR_FS) != 0 ? "errors were found in it; run 'e2fsck -f FILE', or serve it with --read-only"
            : (super->s_state & ext2_super_block.EXT2_VALID_FS) == 0 ? "it is mounted, or was not unmounted; run 'e2fsck -f FILE' once it is not, or serve it with --read-only"
            : (super->s_feature_incompat & ext2_super_block.EXT4_FEATURE_INCOMPAT_MMP) != 0
                ? "it is protected from being used twice (mmp), which is not kept up here; 'tune2fs -O ^mmp FILE', or serve it with --read-only"
            : (super->s_feature_ro_compat & NoWriting) != 0
                ? "it has quotas, shared blocks or is marked read-only, which libext2fs would not keep right; serve it with --read-only"
            : null;
        if (reason is not null)
        {
            throw new BlockException($"{_image} may not be changed: {reason}");
        }
    }
}
