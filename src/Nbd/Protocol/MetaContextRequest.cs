using System.Buffers.Binary;
using System.Text;
using System.Text.Unicode;

namespace Harness.Nbd;

/// <summary>
/// The data of LIST_META_CONTEXT and SET_META_CONTEXT: <c>u32 name length, name, u32 count, count × {u32 length, query}</c>. Queries of namespaces that nobody
/// here knows are legal and mean nothing. NBD protocol, "Option types" and "Metadata querying". Any thread may call.
/// </summary>
/// <param name="Name">The export's name.</param>
/// <param name="Queries">How many queries there are; none means all of them to LIST and none of them to SET.</param>
/// <param name="NamesAllocation">True where <c>base:allocation</c> is among them.</param>
/// <param name="NamesBase">True where <c>base:</c> is, which asks LIST for all of that namespace and selects nothing.</param>
public readonly record struct MetaContextRequest(string Name, uint Queries, bool NamesAllocation, bool NamesBase)
{
    private const int FixedBytes = 8;

    /// <summary>True where LIST_META_CONTEXT is to name <c>base:allocation</c>.</summary>
    public bool ListsAllocation => Queries == 0 || NamesAllocation || NamesBase;

    /// <summary>
    /// Parses the whole data of the option. What is wrong is answered ERR_INVALID, and the connection goes on: the data has been consumed. However many queries
    /// there are, none is kept.
    /// </summary>
    public static ParseVerdict Parse(ReadOnlySpan<byte> data, out MetaContextRequest request)
    {
        request = new MetaContextRequest(string.Empty, 0, false, false);
        if (data.Length < FixedBytes)
        {
            return Invalid($"the option needs at least {FixedBytes} bytes of data, but {data.Length} came");
        }

        uint nameBytes = BinaryPrimitives.ReadUInt32BigEndian(data);
        if (nameBytes > (uint)(data.Length - FixedBytes))
        {
            return Invalid($"the export name is said to be {nameBytes} bytes long, but the option has only {data.Length} bytes");
        }

        if (!ExportName.TryDecode(data.Slice(4, (int)nameBytes), out string name, out string error))
        {
            return Invalid(error);
        }

        ReadOnlySpan<byte> rest = data[(4 + (int)nameBytes)..];
        request = request with { Name = name, Queries = BinaryPrimitives.ReadUInt32BigEndian(rest) };
        return ParseQueries(rest[4..], ref request);
    }

    /// <summary>Bytes that <see cref="Write"/> needs.</summary>
    public static int WrittenBytes(string name, IReadOnlyList<string> queries) =>
        OptionRequest.HeaderSize + FixedBytes + Encoding.UTF8.GetByteCount(name) + queries.Sum(query => 4 + Encoding.UTF8.GetByteCount(query));

    /// <summary>Writes a whole option, header and data; returns the bytes written.</summary>
    /// <exception cref="ArgumentException">The name is not one (<see cref="ExportName.TryCheck"/>), or the destination is too short.</exception>
    public static int Write(Span<byte> destination, NbdOption option, string name, IReadOnlyList<string> queries)
    {
        Span<byte> data = destination[OptionRequest.HeaderSize..];
        int nameBytes = WireText.WriteName(data[4..], name);
        BinaryPrimitives.WriteUInt32BigEndian(data, (uint)nameBytes);
        int at = 4 + nameBytes;
        BinaryPrimitives.WriteUInt32BigEndian(data[at..], (uint)queries.Count);
        at += 4;
        foreach (string query in queries)
        {
            int bytes = Encoding.UTF8.GetBytes(query, data[(at + 4)..]);
            BinaryPrimitives.WriteUInt32BigEndian(data[at..], (uint)bytes);
            at += 4 + bytes;
        }

        return OptionRequest.WriteHeader(destination, option, at) + at;
    }

    private static ParseVerdict ParseQueries(ReadOnlySpan<byte> rest, ref MetaContextRequest request)
    {
        // A count says nothing of the bytes that are there, so nothing is taken for it.
        for (uint i = 0; i < request.Queries; i++)
        {
            uint length = rest.Length < 4 ? uint.MaxValue : BinaryPrimitives.ReadUInt32BigEndian(rest);
            if (rest.Length < 4 || length > (uint)(rest.Length - 4))
            {
                return Invalid($"{request.Queries} queries were announced, but number {i + 1} runs past the end of the option");
            }

            ReadOnlySpan<byte> query = rest.Slice(4, (int)length);
            if (length > Limits.MaxStringBytes)
            {
                return Invalid(WireText.TooLong("a query", length));
            }

            if (query.Contains((byte)0) || !Utf8.IsValid(query))
            {
                return Invalid("a query is not UTF-8, or has a NUL byte in it");
            }

            request = request with
            {
                NamesAllocation = request.NamesAllocation || query.SequenceEqual("base:allocation"u8),
                NamesBase = request.NamesBase || query.SequenceEqual("base:"u8),
            };
            rest = rest[(4 + (int)length)..];
        }

        return rest.IsEmpty ? ParseVerdict.Ok : Invalid($"{rest.Length} bytes follow the last of {request.Queries} queries");
    }

    private static ParseVerdict Invalid(string reason) => ParseVerdict.Refuse(OptionReplyType.ErrInvalid, reason);
}
