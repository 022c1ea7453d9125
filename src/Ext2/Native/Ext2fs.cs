using System.Runtime.InteropServices;

namespace Harness.Ext2.Native;

/// <summary>
/// <c>&lt;ext2fs/ext2fs.h&gt;</c> of e2fsprogs 1.43 and newer, named as in C. Calls return an <c>errcode_t</c>: 0, an errno, or a code of the library's own
/// (<see cref="Ext2Error"/>). The library has no locks: all calls about one file system come from one thread at a time.
/// </summary>
internal static unsafe partial class Ext2fs
{
    /// <summary>The library's name for the loader.</summary>
    public const string Library = "libext2fs.so.2";

    public const uint EXT2_ROOT_INO = 2;

    public const int EXT2_FLAG_RW = 0x01;
    public const int EXT2_FLAG_MASTER_SB_ONLY = 0x200;
    public const int EXT2_FLAG_64BITS = 0x20000;
    public const int EXT2_FLAG_SKIP_MMP = 0x100000;

    public const int BMAP_ALLOC = 0x0001;
    public const int BMAP_SET = 0x0002;
    public const int BMAP_RET_UNINIT = 0x0001;

    public const int EXT2_EXTENT_CURRENT = 0x0000;
    public const int EXT2_EXTENT_NEXT_LEAF = 0x0007;
    public const uint EXT2_EXTENT_FLAGS_UNINIT = 0x0002;

    [LibraryImport(Library)]
    public static partial void initialize_ext2_error_table();

    [LibraryImport("libcom_err.so.2")]
    public static partial byte* error_message(nint code);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial nint ext2fs_open(string name, int flags, int superblock, uint block_size, struct_io_manager* manager, struct_ext2_filsys** ret_fs);

    [LibraryImport(Library)]
    public static partial nint ext2fs_flush(struct_ext2_filsys* fs);

    /// <summary>Frees the file system and closes its channel, without writing anything.</summary>
    [LibraryImport(Library)]
    public static partial void ext2fs_free(struct_ext2_filsys* fs);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial nint ext2fs_namei_follow(struct_ext2_filsys* fs, uint root, uint cwd, string name, uint* inode);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial nint ext2fs_namei(struct_ext2_filsys* fs, uint root, uint cwd, string name, uint* inode);

    [LibraryImport(Library)]
    public static partial nint ext2fs_read_inode(struct_ext2_filsys* fs, uint ino, ext2_inode* inode);

    [LibraryImport(Library)]
    public static partial nint ext2fs_read_block_bitmap(struct_ext2_filsys* fs);

    [LibraryImport(Library)]
    public static partial nint ext2fs_bmap2(
        struct_ext2_filsys* fs, uint ino, ext2_inode* inode, byte* block_buf, int bmap_flags, ulong block, int* ret_flags, ulong* phys_blk);

    [LibraryImport(Library)]
    public static partial nint ext2fs_punch(struct_ext2_filsys* fs, uint ino, ext2_inode* inode, byte* block_buf, ulong start, ulong end);

    [LibraryImport(Library)]
    public static partial nint ext2fs_extent_open2(struct_ext2_filsys* fs, uint ino, ext2_inode* inode, void** ret_handle);

    [LibraryImport(Library)]
    public static partial void ext2fs_extent_free(void* handle);

    [LibraryImport(Library)]
    public static partial nint ext2fs_extent_goto(void* handle, ulong blk);

    [LibraryImport(Library)]
    public static partial nint ext2fs_extent_get(void* handle, int flags, ext2fs_extent* extent);

    [LibraryImport(Library)]
    public static partial nint ext2fs_inline_data_get(struct_ext2_filsys* fs, uint ino, ext2_inode* inode, void* buf, nuint* size);

    [LibraryImport(Library)]
    public static partial nint ext2fs_inline_data_set(struct_ext2_filsys* fs, uint ino, ext2_inode* inode, void* buf, nuint size);
}
