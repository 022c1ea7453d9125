using System.Buffers.Binary;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>What a whole reply says: an error, or the data of a READ put together; and whether its chunks are as the protocol has them.</summary>
/// <param name="Error">The error on the wire, or 0.</param>
/// <param name="Data">Of a READ without error.</param>
internal sealed record EngineAnswer(uint Error, byte[] Data)
{
    private const int None = 0, OffsetData = 1, OffsetHole = 2, Status = 5, ExtendedStatus = 6, ErrorType = 0x8001, ErrorOffset = 0x8002;

    /// <summary>Of a BLOCK_STATUS without error: bytes and flags, from the range's first byte on.</summary>
    public List<(ulong Length, ulong Flags)> Extents { get; private init; } = [];

    public static EngineAnswer Of(EngineRequest request, List<WireChunk> chunks, ReplyForm form)
    {
        if (chunks[0].IsSimple)
        {
            Demand(chunks.Count == 1 && !(request.IsRead && form != ReplyForm.Simple), request, "a READ is answered by a simple reply where chunks were negotiated");
            return new EngineAnswer(chunks[0].SimpleError, chunks[0].Payload);
        }

        foreach (WireChunk chunk in chunks)
        {
            Demand(form != ReplyForm.Extended || chunk.Offset == request.Offset, request, $"a chunk has the offset {chunk.Offset}");
            Demand((chunk.Flags & ~1) == 0, request, $"a chunk has the flags {chunk.Flags}");
        }

        if (request.IsStatus && chunks[0].Type is Status or ExtendedStatus)
        {
            return new EngineAnswer(0, []) { Extents = ExtentsOf(request, chunks, form) };
        }

        WireChunk? failed = chunks.Find(chunk => chunk.Type is ErrorType or ErrorOffset);
        return failed is not null ? new EngineAnswer(ErrorOf(request, failed), [])
            : new EngineAnswer(0, request.IsRead ? Assemble(request, chunks) : Nothing(request, chunks));
    }

    private static uint ErrorOf(EngineRequest request, WireChunk chunk)
    {
        Demand(chunk.Error != 0, request, "an error chunk says 0");
        Demand(chunk.Payload.Length == 6 + chunk.ErrorText.Length + (chunk.Type == ErrorOffset ? 8 : 0), request, "an error chunk is not as long as its text");
        Demand(chunk.Type == ErrorType || chunk.ErrorOffset - request.Offset < request.Length, request, "an error lies outside the request");
        return chunk.Error;
    }

    private static List<(ulong Length, ulong Flags)> ExtentsOf(EngineRequest request, List<WireChunk> chunks, ReplyForm form)
    {
        bool extended = form == ReplyForm.Extended;
        (int head, int each) = extended ? (8, 16) : (4, 8);
        byte[] payload = chunks[0].Payload;
        Demand(chunks.Count == 1 && chunks[0].Type == (extended ? ExtendedStatus : Status), request, "a BLOCK_STATUS is not answered by one chunk of its form");
        Demand(payload.Length > head && (payload.Length - head) % each == 0, request, $"{payload.Length} bytes are no list of extents");
        Demand(BinaryPrimitives.ReadUInt32BigEndian(payload) == 1, request, "the context is not the one that was selected");
        ulong Number(int at) => extended ? BinaryPrimitives.ReadUInt64BigEndian(payload.AsSpan(at)) : BinaryPrimitives.ReadUInt32BigEndian(payload.AsSpan(at));
        List<(ulong Length, ulong Flags)> extents =
            [.. Enumerable.Range(0, (payload.Length - head) / each).Select(i => (Number(head + (i * each)), Number(head + (i * each) + (each / 2))))];
        ulong told = extents.Aggregate(0ul, (sum, extent) => sum + extent.Length);
        bool one = (request.Flags & NbdCommandFlags.ReqOne) != 0;
        Demand(extents.TrueForAll(extent => extent.Length > 0), request, "an extent is empty");
        Demand(one ? extents.Count == 1 && told <= request.Length : told == request.Length, request, $"{extents.Count} extents tell of {told} bytes");
        return extents;
    }

    private static byte[] Nothing(EngineRequest request, List<WireChunk> chunks)
    {
        Demand(chunks is [{ Type: None, Payload.Length: 0 }], request, "a command without data is answered by data");
        return [];
    }

    private static byte[] Assemble(EngineRequest request, List<WireChunk> chunks)
    {
        byte[] data = new byte[request.Length];
        bool[] seen = new bool[request.Length];
        int contents = 0;
        foreach (WireChunk chunk in chunks.Where(chunk => chunk.Type != None))
        {
            Demand(chunk.Type is OffsetData or OffsetHole, request, $"a READ is answered by a chunk of type {chunk.Type}");
            contents++;
            ulong from = chunk.DataOffset - request.Offset;
            ulong length = chunk.Type == OffsetHole ? chunk.HoleBytes : (ulong)chunk.Data.Length;
            Demand(length > 0 && from < request.Length && length <= request.Length - from, request, $"a chunk of {length} bytes at {chunk.DataOffset} is outside the request");
            Demand(!seen.AsSpan((int)from, (int)length).Contains(true), request, $"two chunks have the byte at {chunk.DataOffset}");
            seen.AsSpan((int)from, (int)length).Fill(true);
            (chunk.Type == OffsetHole ? new byte[length] : chunk.Data).CopyTo(data, (int)from);
        }

        Demand(!seen.Contains(false), request, "the chunks leave bytes out");
        if ((request.Flags & NbdCommandFlags.Df) != 0 && contents > 1)
        {
            throw new EngineRuleBrokenException(EngineRule.DfIsOneChunk, $"{request} is answered by {contents} content chunks");
        }

        return data;
    }

    private static void Demand(bool holds, EngineRequest request, string otherwise)
    {
        if (!holds)
        {
            throw new EngineRuleBrokenException(EngineRule.WellFormed, $"{request}: {otherwise}");
        }
    }
}
