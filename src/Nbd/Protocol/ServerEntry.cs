using System.Buffers.Binary;

namespace Harness.Nbd;

/// <summary>One export of a LIST: the data of a SERVER reply, <c>u32 name length, name, rest = text for people</c>. Any thread may call.</summary>
/// <param name="Name">The export's name.</param>
/// <param name="Description">A text for people, with control characters replaced; may be empty.</param>
public readonly record struct ServerEntry(string Name, string Description)
{
    /// <summary>Parses the whole data of a SERVER reply. Anything wrong ends the connection (CVE-2017-2630 was this message, too long, in a client).</summary>
    public static ParseVerdict Parse(ReadOnlySpan<byte> data, out ServerEntry entry)
    {
        entry = new ServerEntry(string.Empty, string.Empty);
        if (data.Length < 4)
        {
            return ParseVerdict.Drop($"a SERVER reply needs at least 4 bytes of data, but {data.Length} came");
        }

        uint nameBytes = BinaryPrimitives.ReadUInt32BigEndian(data);
        if (nameBytes > (uint)(data.Length - 4))
        {
            return ParseVerdict.Drop($"the export name is said to be {nameBytes} bytes long, but the SERVER reply has only {data.Length} bytes");
        }

        if (!ExportName.TryDecode(data.Slice(4, (int)nameBytes), out string name, out string error))
        {
            return ParseVerdict.Drop($"in a SERVER reply, {error}");
        }

        entry = new ServerEntry(name, WireText.Printable(data[(4 + (int)nameBytes)..]));
        return ParseVerdict.Ok;
    }
}
