using System.Runtime.InteropServices;

namespace Harness.Ext2.Native;

/// <summary>The beginning of <c>struct struct_ext2_filsys</c>, an open file system; what follows is the library's.</summary>
[StructLayout(LayoutKind.Explicit)]
internal unsafe struct struct_ext2_filsys
{
    [FieldOffset(0)] public nint magic;
    [FieldOffset(8)] public struct_io_channel* io;
    [FieldOffset(16)] public int flags;
    [FieldOffset(32)] public ext2_super_block* super;
    [FieldOffset(40)] public uint blocksize;
}

/// <summary>What is asked of <c>struct ext2_super_block</c>, which lies on the disk like this.</summary>
[StructLayout(LayoutKind.Explicit, Size = 1024)]
internal struct ext2_super_block
{
    /// <summary>Errors were found in it, and nobody has repaired them since.</summary>
    public const ushort EXT2_ERROR_FS = 2;

    /// <summary>It was unmounted, or never mounted; one with a journal keeps it while it is mounted.</summary>
    public const ushort EXT2_VALID_FS = 1;

    public const uint EXT3_FEATURE_INCOMPAT_RECOVER = 0x0004;
    public const uint EXT4_FEATURE_INCOMPAT_MMP = 0x0100;
    public const uint EXT4_FEATURE_RO_COMPAT_QUOTA = 0x0100;
    public const uint EXT4_FEATURE_RO_COMPAT_READONLY = 0x1000;
    public const uint EXT4_FEATURE_RO_COMPAT_PROJECT = 0x2000;
    public const uint EXT4_FEATURE_RO_COMPAT_SHARED_BLOCKS = 0x4000;

    [FieldOffset(58)] public ushort s_state;
    [FieldOffset(96)] public uint s_feature_incompat;
    [FieldOffset(100)] public uint s_feature_ro_compat;
}

/// <summary>What is asked of <c>struct ext2_inode</c>, the first 128 bytes of an inode, which lie on the disk like this.</summary>
[StructLayout(LayoutKind.Explicit, Size = 128)]
internal struct ext2_inode
{
    public const ushort S_IFMT = 0xF000;
    public const ushort S_IFDIR = 0x4000;
    public const ushort S_IFREG = 0x8000;
    public const ushort S_IFLNK = 0xA000;

    public const uint EXT2_COMPR_FL = 0x4;
    public const uint EXT4_ENCRYPT_FL = 0x800;
    public const uint EXT4_EXTENTS_FL = 0x80000;
    public const uint EXT4_VERITY_FL = 0x100000;
    public const uint EXT4_INLINE_DATA_FL = 0x10000000;

    [FieldOffset(0)] public ushort i_mode;
    [FieldOffset(4)] public uint i_size;
    [FieldOffset(32)] public uint i_flags;
    [FieldOffset(108)] public uint i_size_high;

    public readonly ulong Size => ((ulong)i_size_high << 32) | i_size;

    public readonly bool Has(uint flag) => (i_flags & flag) != 0;
}

/// <summary><c>struct ext2fs_extent</c>: blocks of a file that lie side by side.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ext2fs_extent
{
    public ulong e_pblk;
    public ulong e_lblk;
    public uint e_len;
    public uint e_flags;
}

/// <summary><c>struct struct_io_channel</c> of <c>&lt;ext2fs/ext2_io.h&gt;</c>: an image that the library has open.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct struct_io_channel
{
    public nint magic;
    public struct_io_manager* manager;
    public byte* name;
    public int block_size;
    public void* read_error;
    public void* write_error;
    public int refcount;
    public int flags;
    public fixed long reserved[14];
    public void* private_data;
    public void* app_data;
    public int align;
}

/// <summary><c>struct struct_io_manager</c>: how the library reaches an image. What is null the library does without.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct struct_io_manager
{
    public nint magic;
    public byte* name;
    public delegate* unmanaged<byte*, int, struct_io_channel**, nint> open;
    public delegate* unmanaged<struct_io_channel*, nint> close;
    public delegate* unmanaged<struct_io_channel*, int, nint> set_blksize;
    public delegate* unmanaged<struct_io_channel*, nuint, int, void*, nint> read_blk;
    public delegate* unmanaged<struct_io_channel*, nuint, int, void*, nint> write_blk;
    public delegate* unmanaged<struct_io_channel*, nint> flush;
    public delegate* unmanaged<struct_io_channel*, nuint, int, void*, nint> write_byte;
    public void* set_option;
    public void* get_stats;
    public delegate* unmanaged<struct_io_channel*, ulong, int, void*, nint> read_blk64;
    public delegate* unmanaged<struct_io_channel*, ulong, int, void*, nint> write_blk64;
    public void* discard;
    public void* cache_readahead;
    public void* zeroout;
    public fixed long reserved[14];
}
