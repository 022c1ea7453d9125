using System.Runtime.InteropServices;
using Harness.Ext2.Native;

namespace Harness.Ext2;

/// <summary>Whether the system's libext2fs is there.</summary>
internal static class Ext2Library
{
    /// <summary>What is wrong, with the remedy; null where nothing is.</summary>
    /// <param name="name">The library's name for the loader; that of libext2fs unless a test asks for another.</param>
    public static string? Trouble(string name = Ext2fs.Library)
    {
        // Never unloaded: the bindings will ask for it next.
        return !NativeLibrary.TryLoad(name, out _) ? $"'{Ext2Arguments.StoreName}' needs {name}, which is not installed: sudo apt-get install libext2fs2"
            : !Environment.Is64BitProcess || !BitConverter.IsLittleEndian ? $"'{Ext2Arguments.StoreName}' needs a 64-bit little-endian machine: its bindings have that layout"
            : null;
    }
}
