using System.Text;

namespace Harness.Nbd;

/// <summary>
/// Names of exports: UTF-8 without NUL, at most 4096 bytes; the empty name is the default export. NBD protocol, "Conventions". Any thread may call.
/// </summary>
public static class ExportName
{
    private const string What = "the export name";

    /// <summary>Parses a name as it stands on the wire, for example the whole data of an EXPORT_NAME option.</summary>
    /// <param name="bytes">The name's bytes.</param>
    /// <param name="name">The name, or empty.</param>
    /// <param name="error">What is wrong with it, without the name itself; or empty.</param>
    public static bool TryDecode(ReadOnlySpan<byte> bytes, out string name, out string error) => WireText.TryDecode(bytes, What, out name, out error);

    /// <summary>Checks a name of our own side before it is put on the wire.</summary>
    /// <param name="name">The name.</param>
    /// <param name="error">What is wrong with it, or empty.</param>
    public static bool TryCheck(string name, out string error)
    {
        error = string.Empty;
        if (name.Contains('\0'))
        {
            error = $"{What} has a NUL byte in it";
        }
        else if (!WireText.IsWellFormed(name))
        {
            error = $"{What} cannot be written in UTF-8";
        }
        else if (Encoding.UTF8.GetByteCount(name) is int bytes && bytes > Limits.MaxStringBytes)
        {
            error = WireText.TooLong(What, (ulong)bytes);
        }

        return error.Length == 0;
    }
}
