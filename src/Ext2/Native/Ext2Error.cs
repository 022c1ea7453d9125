using System.Runtime.InteropServices;
using Harness.Io.Native;

namespace Harness.Ext2.Native;

/// <summary>Codes of <c>&lt;ext2fs/ext2_err.h&gt;</c>, named as in C, and what they mean to people and to NBD clients.</summary>
internal static unsafe class Ext2Error
{
    public const int EXT2_ET_MAGIC_IO_CHANNEL = 2133571333;
    public const int EXT2_ET_MAGIC_IO_MANAGER = 2133571335;
    public const int EXT2_ET_BAD_MAGIC = 2133571347;
    public const int EXT2_ET_SHORT_READ = 2133571364;
    public const int EXT2_ET_SYMLINK_LOOP = 2133571392;
    public const int EXT2_ET_NO_MEMORY = 2133571398;
    public const int EXT2_ET_BLOCK_ALLOC_FAIL = 2133571400;
    public const int EXT2_ET_NO_DIRECTORY = 2133571402;
    public const int EXT2_ET_FILE_NOT_FOUND = 2133571404;
    public const int EXT2_ET_EXTENT_NOT_FOUND = 2133571460;

    /// <summary>What Linux says of a file system that is damaged, and we of most codes of the library.</summary>
    public const int EUCLEAN = 117;

    private const nint FirstOwnCode = 4096;

    private static readonly bool s_initialized = Initialize();

    /// <summary>The library's own sentence, without its end.</summary>
    public static string Text(nint code)
    {
        _ = s_initialized;
        return Marshal.PtrToStringUTF8((nint)Ext2fs.error_message(code)) ?? $"error {code}";
    }

    /// <summary>The errno for a client.</summary>
    public static int ToErrno(nint code) => code switch
    {
        >= 0 and < FirstOwnCode => (int)code,
        EXT2_ET_BLOCK_ALLOC_FAIL => Errno.ENOSPC,
        EXT2_ET_NO_MEMORY => Errno.ENOMEM,
        EXT2_ET_SHORT_READ => Errno.EIO,
        _ => EUCLEAN,
    };

    private static bool Initialize()
    {
        Ext2fs.initialize_ext2_error_table();
        return true;
    }
}
