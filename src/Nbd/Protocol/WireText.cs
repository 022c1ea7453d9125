using System.Buffers;
using System.Text;
using System.Text.Unicode;

namespace Harness.Nbd;

/// <summary>Strings on the wire: UTF-8, no NUL, at most <see cref="Limits.MaxStringBytes"/>. Any thread may call.</summary>
internal static class WireText
{
    /// <summary>A string that must be kept as it is, such as a name. False, with what is wrong, where it is too long, has a NUL or is not UTF-8.</summary>
    /// <param name="bytes">The string's bytes.</param>
    /// <param name="what">How a message calls it, such as "the export name".</param>
    /// <param name="text">The string, or empty.</param>
    /// <param name="error">What is wrong, or empty. Never repeats the string: it may be 4096 bytes long.</param>
    public static bool TryDecode(ReadOnlySpan<byte> bytes, string what, out string text, out string error)
    {
        text = string.Empty;
        if (bytes.Length > Limits.MaxStringBytes)
        {
            error = TooLong(what, (ulong)bytes.Length);
        }
        else if (bytes.Contains((byte)0))
        {
            error = $"{what} has a NUL byte in it";
        }
        else if (!Utf8.IsValid(bytes))
        {
            error = $"{what} is not UTF-8";
        }
        else
        {
            text = Encoding.UTF8.GetString(bytes);
            error = string.Empty;
        }

        return error.Length == 0;
    }

    /// <summary>Whether every surrogate has its partner, so that UTF-8 can say the same.</summary>
    public static bool IsWellFormed(string text)
    {
        for (int i = 0; i < text.Length; i++)
        {
            if (!char.IsSurrogate(text[i]))
            {
                continue;
            }

            if (i + 1 == text.Length || !char.IsSurrogatePair(text[i], text[i + 1]))
            {
                return false;
            }

            i++;
        }

        return true;
    }

    public static string TooLong(string what, ulong bytes) => $"{what} is {bytes} bytes long; the most is {Limits.MaxStringBytes}";

    /// <summary>A peer's text for people, made fit for a log and a terminal: cut to the limit, with control characters and broken UTF-8 replaced.</summary>
    public static string Printable(ReadOnlySpan<byte> bytes)
    {
        string text = Encoding.UTF8.GetString(bytes[..Math.Min(bytes.Length, Limits.MaxStringBytes)]);
        return text.Any(char.IsControl) ? string.Concat(text.Select(c => char.IsControl(c) ? '?' : c)) : text;
    }

    /// <summary>Writes as much of a text for people as fits, ending between characters; returns the bytes written.</summary>
    public static int WriteCut(Span<byte> destination, string text)
    {
        Span<byte> room = destination.Length > Limits.MaxStringBytes ? destination[..Limits.MaxStringBytes] : destination;
        OperationStatus status = Utf8.FromUtf16(text, room, out _, out int written, replaceInvalidSequences: true, isFinalBlock: true);
        return status is OperationStatus.Done or OperationStatus.DestinationTooSmall ? written : 0;
    }

    /// <summary>Writes our own name, which the caller has checked (<see cref="ExportName.TryCheck"/>); returns the bytes written.</summary>
    /// <exception cref="ArgumentException">It is too long, has a NUL or does not fit the destination.</exception>
    public static int WriteName(Span<byte> destination, string name)
    {
        if (!ExportName.TryCheck(name, out string error))
        {
            throw new ArgumentException(error, nameof(name));
        }

        return Encoding.UTF8.GetBytes(name, destination);
    }
}
