using Harness.Nbd;

namespace Harness.Tests;

/// <summary>What a whole reply says: an error, or the data of a READ put together; and whether its chunks are as the protocol has them.</summary>
/// <param name="Error">The error on the wire, or 0.</param>
/// <param name="Data">Of a READ without error.</param>
internal sealed record EngineAnswer(uint Error, byte[] Data)
{
    private const int None = 0, OffsetData = 1, OffsetHole = 2, ErrorType = 0x8001, ErrorOffset = 0x8002;

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
