using System.Text;
using static Harness.Tests.RawNbd;

namespace Harness.Tests;

/// <summary>
/// Bad input from clients that have negotiated structured replies or extended headers, each with the answer that it must get (proto.md, "Structured reply chunk
/// message", "Extended headers").
/// </summary>
public class RawChunkTests(RawServers servers) : IClassFixture<RawServers>
{
    private const uint ExtendedMagic = 0x21e41c71;
    private const ushort PayloadLen = 0x20;
    private const ushort OffsetData = 1, OffsetHole = 2, ErrorChunk = 0x8001, ErrorOffsetChunk = 0x8002;

    private static readonly Dictionary<string, Action<RawNbd>> StructuredCases = new()
    {
        ["BLOCK_STATUS of no bytes is EINVAL"] = nbd =>
        {
            nbd.Send(Request(BlockStatus, 1, 0, 0));
            ExpectError(nbd, extended: false, 1, EINVAL);
        },
        ["READ beyond the end is EINVAL"] = nbd =>
        {
            nbd.Send(Request(Read, 1, (16 << 20) - 1, 2));
            ExpectError(nbd, extended: false, 1, EINVAL);
        },
        ["READ of more than the largest payload is refused in a chunk"] = nbd =>
        {
            nbd.Send(Request(Read, 1, 0, (32 << 20) + 1));
            ExpectError(nbd, extended: false, 1, EOVERFLOW, EINVAL);
        },
        ["BLOCK_STATUS behind the end is EINVAL"] = nbd =>
        {
            nbd.Send(Request(BlockStatus, 1, 16 << 20, 1));
            ExpectError(nbd, extended: false, 1, EINVAL);
        },
        ["an unknown flag is EINVAL"] = nbd =>
        {
            nbd.Send(Request(Read, 1, 0, 512, flags: 0x8000));
            ExpectError(nbd, extended: false, 1, EINVAL);
        },
    };

    private static readonly Dictionary<string, Action<RawNbd>> ExtendedCases = new()
    {
        ["a WRITE without PAYLOAD_LEN is served, with the data that QEMU sends after it"] = nbd =>
        {
            byte[] data = [.. Enumerable.Range(0, 512).Select(i => (byte)(i % 251 + 1))];
            nbd.Send(Extended(Write, 1, 1024, 512, flags: 0), data, Extended(Read, 2, 1024, 512, flags: 0));
            nbd.ExpectChunk(extended: true, 1, 1024, type: 0, isLast: true, []);
            nbd.ExpectChunk(extended: true, 2, 1024, OffsetData, isLast: true, [.. Be(1024ul), .. data]);
        },
        ["a payload where none belongs is consumed and EINVAL"] = nbd =>
        {
            nbd.Send(Extended(Trim, 1, 0, 512, PayloadLen), new byte[512]);
            ExpectError(nbd, extended: true, 1, EINVAL);
        },
        ["a payload that is just larger than the largest is consumed and EINVAL"] = nbd =>
        {
            nbd.Send(Extended(Write, 1, 0, (32 << 20) + 1, PayloadLen), new byte[(32 << 20) + 1]);
            ExpectError(nbd, extended: true, 1, EINVAL, ENOSPC);
        },
        ["a payload of a READ is consumed and EINVAL"] = nbd =>
        {
            nbd.Send(Extended(Read, 1, 0, 512, PayloadLen), new byte[512]);
            ExpectError(nbd, extended: true, 1, EINVAL);
        },
        ["an unknown command is EINVAL, and its payload is consumed where it says that it has one"] = nbd =>
        {
            nbd.Send(Extended(99, 1, 0, 512, flags: 0));
            ExpectError(nbd, extended: true, 1, EINVAL);
            nbd.Send(Extended(99, 2, 0, 512, PayloadLen), new byte[512]);
            ExpectError(nbd, extended: true, 2, EINVAL);
        },
        ["a length of 2^63 is out of range"] = nbd =>
        {
            nbd.Send(Extended(WriteZeroes, 1, 0, 1ul << 63, flags: 0));
            ExpectError(nbd, extended: true, 1, ENOSPC);
        },
        ["BLOCK_STATUS with a payload that is too short is EINVAL"] = nbd =>
        {
            nbd.Send(Extended(BlockStatus, 1, 0, 7, PayloadLen), new byte[7]);
            ExpectError(nbd, extended: true, 1, EINVAL);
        },
    };

    private static readonly Dictionary<string, Action<RawNbd>> ExtendedDrops = new()
    {
        ["a compact request drops"] = nbd => nbd.Send(Request(Read, 1, 0, 512), new byte[4]),
        ["a payload of gigabytes drops"] = nbd => nbd.Send(Extended(Write, 1, 0, 1ul << 40, PayloadLen)),
        ["a payload whose length wraps drops"] = nbd => nbd.Send(Extended(Trim, 1, 0, ulong.MaxValue, PayloadLen)),
    };

    public static TheoryData<string> StructuredNames => [.. StructuredCases.Keys];

    public static TheoryData<string> ExtendedNames => [.. ExtendedCases.Keys];

    public static TheoryData<string> DropNames => [.. ExtendedDrops.Keys];

    [SkippableTheory]
    [MemberData(nameof(StructuredNames))]
    public void Structured(string name)
    {
        using RawNbd nbd = Enter(StructuredReply);
        StructuredCases[name](nbd);

        // The next request shows that the stream is where it was.
        nbd.Send(Request(Flush, 9, 0, 0));
        nbd.ExpectReply(9, 0);
    }

    [SkippableTheory]
    [MemberData(nameof(ExtendedNames))]
    public void ExtendedHeader(string name)
    {
        using RawNbd nbd = Enter(ExtendedHeaders);
        ExtendedCases[name](nbd);
        nbd.Send(Extended(Flush, 9, 0, 0, flags: 0));
        byte[] chunk = nbd.Receive(32);
        Assert.Equal((0x6e8a278cu, (ushort)0, 9ul, 0ul), (U32(chunk), U16(chunk, 6), U64(chunk, 8), U64(chunk, 24)));
    }

    [SkippableTheory]
    [MemberData(nameof(DropNames))]
    public void Dropped(string name)
    {
        using (RawNbd nbd = Enter(ExtendedHeaders))
        {
            ExtendedDrops[name](nbd);
            nbd.ExpectDrop();
        }

        using RawNbd next = Enter(StructuredReply);
        next.Send(Request(Flush, 1, 0, 0));
        next.ExpectReply(1, 0);
    }

    /// <summary>Byte by byte: of what was never written nothing is sent but where it lies, in each form; with DF its zeroes are.</summary>
    [SkippableTheory]
    [InlineData(StructuredReply)]
    [InlineData(ExtendedHeaders)]
    public void Holes(uint option)
    {
        Skip.If(HarnessServer.IsForeign, "the foreign server sends its zeroes");
        bool extended = option == ExtendedHeaders;
        const ulong At = 8 << 20;
        const ushort Df = 4;
        using RawNbd nbd = Enter(option);
        byte[] Ask(ushort type, ulong cookie, ulong offset, uint length, ushort flags = 0) =>
            extended ? Extended(type, cookie, offset, length, flags) : Request(type, cookie, offset, length, flags);
        byte[] data = [.. Enumerable.Range(0, 4096).Select(i => (byte)(i % 251 + 1))];
        nbd.Send(Ask(Write, 1, At + 8192, 4096, extended ? PayloadLen : (ushort)0), data);
        nbd.Receive(extended ? 32 : 16);

        nbd.Send(Ask(Read, 2, At, 16384));
        nbd.ExpectChunk(extended, 2, At, OffsetHole, isLast: false, [.. Be(At), .. Be(8192u)]);
        nbd.ExpectChunk(extended, 2, At, OffsetData, isLast: false, [.. Be(At + 8192), .. data]);
        nbd.ExpectChunk(extended, 2, At, OffsetHole, isLast: true, [.. Be(At + 12288), .. Be(4096u)]);

        nbd.Send(Ask(Read, 3, At + 1, 8000));
        nbd.ExpectChunk(extended, 3, At + 1, OffsetHole, isLast: true, [.. Be(At + 1), .. Be(8000u)]);

        // Less than a page is not worth a chunk of its own, and DF forbids it.
        nbd.Send(Ask(Read, 4, At, 4095));
        nbd.ExpectChunk(extended, 4, At, OffsetData, isLast: true, [.. Be(At), .. new byte[4095]]);
        nbd.Send(Ask(Read, 5, At, 16384, Df));
        nbd.ExpectChunk(extended, 5, At, OffsetData, isLast: true, [.. Be(At), .. new byte[8192], .. data, .. new byte[4096]]);

        nbd.Send(Ask(Trim, 6, At + 8192, 4096));
        nbd.Receive(extended ? 32 : 16);
        nbd.Send(Ask(Read, 7, At, 16384));
        nbd.ExpectChunk(extended, 7, At, OffsetHole, isLast: true, [.. Be(At), .. Be(16384u)]);
    }

    private RawNbd Enter(uint option)
    {
        Skip.If(HarnessServer.IsForeign && option == ExtendedHeaders, "the foreign server has no extended headers");
        var nbd = new RawNbd(servers.Of(ServerCases.RawBackends[^1]));
        byte[] context = [.. Be(0u), .. Be(1u), .. Be((uint)"base:allocation".Length), .. Encoding.ASCII.GetBytes("base:allocation")];
        nbd.Send(Be(FixedNewstyle | NoZeroes), Option(option, []), Option(SetMetaContext, context), Option(Go, InfoData("")));
        nbd.Expect(option, RepAck);
        nbd.Expect(SetMetaContext, RepMetaContext);
        nbd.Expect(SetMetaContext, RepAck);
        nbd.ExpectInfos(Go);
        return nbd;
    }

    private static byte[] Extended(ushort type, ulong cookie, ulong offset, ulong length, ushort flags) =>
        [.. Be(ExtendedMagic), .. Be(flags), .. Be(type), .. Be(cookie), .. Be(offset), .. Be(length)];

    private static void ExpectError(RawNbd nbd, bool extended, ulong cookie, params uint[] errors)
    {
        byte[] header = nbd.Receive(extended ? 32 : 20);
        int length = (int)(extended ? U64(header, 24) : U32(header, 16));
        byte[] payload = nbd.Receive(length);
        Assert.Equal((1, cookie), (U16(header, 4), U64(header, 8)));
        Assert.Contains(U32(payload), errors);
        Assert.Contains(U16(header, 6), new[] { ErrorChunk, ErrorOffsetChunk });
        Assert.NotEqual(0, U16(payload, 4));
    }
}
