using System.Runtime.InteropServices;

namespace Harness.Ext2.Native;

/// <summary><c>&lt;stdlib.h&gt;</c>, named as in C.</summary>
internal static unsafe partial class Stdlib
{
    /// <summary>The path without links, or as it is where there is no such file.</summary>
    public static string RealPath(string path)
    {
        byte* real = realpath(path, null);
        if (real is null)
        {
            return path;
        }

        string text = Marshal.PtrToStringUTF8((nint)real)!;
        free(real);
        return text;
    }

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial byte* realpath(string path, byte* resolved_path);

    [LibraryImport("libc")]
    private static partial void free(void* ptr);
}
