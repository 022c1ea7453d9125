using Harness.Io;
using Harness.Io.Native;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>Replies in chunks as a client takes them: in any order and any pieces, and what a server must not send.</summary>
public class ClientChunkTests
{
    private const string Backend = "epoll";
    private const ushort Done = 1, Df = 4;
    private const ushort None = 0, Data = 1, Hole = 2, Status = 5, StatusExt = 6, Error = 0x8001, ErrorOffset = 0x8002;

    private static readonly ReplyForm[] s_forms = [ReplyForm.Structured, ReplyForm.Extended];

    public static TheoryData<string, ReplyForm> BackendsAndForms()
    {
        var data = new TheoryData<string, ReplyForm>();
        foreach (string backend in LoopBackends.All)
        {
            data.Add(backend, ReplyForm.Structured);
            data.Add(backend, ReplyForm.Extended);
        }

        return data;
    }

    public static TheoryData<ReplyForm> Forms() => [.. s_forms];

    [Theory]
    [MemberData(nameof(BackendsAndForms))]
    public void PiecesAndHolesInAnyOrderAreOneAnswer(string backend, ReplyForm form)
    {
        using var talk = new Talk(form, backend);
        using ScriptedRequest read = talk.Read(4096, 100_000);
        read.Memory.Fill(0xee);
        byte[] first = Wire.Data(1, 60_000);
        byte[] last = Wire.Data(2, 10_000);

        // The answer is larger than a socket's buffer may be.
        var sender = new Thread(() => talk.Send(
            talk.Chunk(0, Data, Wire.DataAt(4096 + 90_000, last)),
            talk.Chunk(0, Hole, Wire.HoleAt(4096 + 60_000, 30_000)),
            talk.Chunk(Done, Data, Wire.DataAt(4096, first))));
        sender.Start();
        talk.Script.RunUntil(() => read.Ends == 1, "the read ends");
        sender.Join();

        read.ExpectEnd(0);
        Assert.Equal([.. first, .. new byte[30_000], .. last], read.Memory[..100_000].ToArray());
        Assert.Equal(["data 94096+10000", "hole 64096+30000", "data 4096+60000"], talk.Told);
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void AReplyMayComeByteByByte(ReplyForm form)
    {
        using var talk = new Talk(form);
        using ScriptedRequest read = talk.Read(0, 6);
        byte[] bytes =
        [
            .. talk.Chunk(0, Data, Wire.DataAt(0, [1, 2, 3])), .. talk.Chunk(0, Hole, Wire.HoleAt(3, 2)), .. talk.Chunk(0, Data, Wire.DataAt(5, [6])),
            .. talk.Chunk(Done, None),
        ];
        foreach (byte one in bytes)
        {
            Assert.Equal(0, read.Ends);
            talk.Script.Server.Send([one]);
            talk.Script.RunFor(1);
        }

        talk.Script.RunUntil(() => read.Ends == 1, "the read ends");
        Assert.Equal([1, 2, 3, 0, 0, 6], read.Memory[..6].ToArray());
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void ChunksOfSeveralRequestsMayMix(ReplyForm form)
    {
        using var talk = new Talk(form);
        using ScriptedRequest one = talk.Read(0, 4);
        ulong first = talk.Cookie;
        using ScriptedRequest two = talk.Read(512, 4);
        ulong second = talk.Cookie;
        talk.Cookie = first;
        byte[] half = talk.Chunk(0, Data, Wire.DataAt(0, [1, 2]), offset: 0);
        byte[] rest = talk.Chunk(Done, Data, Wire.DataAt(2, [3, 4]), offset: 0);
        talk.Cookie = second;
        talk.Send(half, talk.Chunk(Done, Data, Wire.DataAt(512, [5, 6, 7, 8]), offset: 512), rest);
        talk.Script.RunUntil(() => one.Ends == 1 && two.Ends == 1, "both end");
        Assert.Equal([1, 2, 3, 4, 5, 6, 7, 8], [.. one.Memory[..4], .. two.Memory[..4]]);
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void AnErrorIsToldWithItsTextAndItsPlace(ReplyForm form)
    {
        using var talk = new Talk(form);
        using ScriptedRequest read = talk.Read(0, 4096);
        byte[] error = [.. Wire.U32(5), .. Wire.U16(4), .. "gone"u8, .. Wire.U64(512)];
        talk.Send(talk.Chunk(0, Data, Wire.DataAt(0, new byte[512])), talk.Chunk(Done, ErrorOffset, error));
        talk.Script.RunUntil(() => read.Ends == 1, "the read ends");
        read.ExpectEnd(Errno.EIO);
        Assert.Equal(["data 0+512", "error 5 at 512: gone"], talk.Told);
    }

    [Theory]
    [InlineData(ReplyForm.Structured, 0u)]
    [InlineData(ReplyForm.Extended, 4711u)]
    public void TheFirstErrorCountsAndUnknownKindsAreErrorsToo(ReplyForm form, uint number)
    {
        using var talk = new Talk(form);
        using ScriptedRequest read = talk.Read(0, 4096);
        talk.Send(
            talk.Chunk(0, 0x9234, [.. Wire.U32(number), .. Wire.U16(2), .. "a\n"u8, .. new byte[5000]]),
            talk.Chunk(0, Error, [.. Wire.U32(28), .. Wire.U16(0)]),
            talk.Chunk(Done, None));
        talk.Script.RunUntil(() => read.Ends == 1, "the read ends");
        read.ExpectEnd(Errno.EINVAL);
        Assert.Equal(["error 22 at : a?", "error 28 at : "], talk.Told);
    }

    [Fact]
    public void AmongStructuredRepliesOthersMayBeSimple()
    {
        using var talk = new Talk(ReplyForm.Structured);
        using ScriptedRequest flush = talk.Ask(NbdCommand.Flush, 0, 0);
        talk.Script.Reply(talk.Cookie);
        talk.Script.RunUntil(() => flush.Ends == 1, "the flush ends");
        flush.ExpectEnd(0);

        // nbd-server answers a READ that fails with a simple reply, which the protocol does not allow.
        using ScriptedRequest read = talk.Read(0, 512);
        talk.Script.Reply(talk.Cookie, error: 5);
        talk.Script.RunUntil(() => read.Ends == 1, "the read ends");
        read.ExpectEnd(Errno.EIO);
    }

    [Fact]
    public void WithExtendedHeadersRequestsHave64BitsAndAWriteItsFlag()
    {
        using var talk = new Talk(ReplyForm.Extended);
        using ScriptedRequest write = talk.Ask(NbdCommand.Write, 512, 100);
        Assert.Equal((ushort)0x20, talk.Flags);
        talk.Script.Read(100);
        talk.Send(talk.Chunk(Done, None, offset: 512));
        talk.Script.RunUntil(() => write.Ends == 1, "the write ends");

        using var zeroes = new ScriptedRequest(NbdCommand.WriteZeroes, 4096, 0);
        zeroes.Request.Length = 1ul << 40;
        talk.Script.Client.Submit(zeroes.Request);
        var wire = talk.Script.ReadExtendedRequest();
        Assert.Equal((NbdCommand.WriteZeroes, 4096ul, 1ul << 40, (ushort)0), (wire.Command, wire.Offset, wire.Length, wire.Flags));
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void ExtentsAreToldOneByOne(ReplyForm form)
    {
        using var talk = new Talk(form, contexts: ["base:allocation", "x:y"]);
        using ScriptedRequest status = talk.Ask(NbdCommand.BlockStatus, 4096, 8192);
        talk.Send(talk.Extents(0, 8, (8192, 0)), talk.Extents(Done, 7, (4096, 3), (form == ReplyForm.Extended ? 1ul << 40 : 65_536, 0)));
        talk.Script.RunUntil(() => status.Ends == 1, "the request ends");
        status.ExpectEnd(0);
        Assert.Equal(["x:y 8192 0", "base:allocation 4096 3", $"base:allocation {(form == ReplyForm.Extended ? 1ul << 40 : 65_536)} 0"], talk.Told);
    }

    [Fact]
    public void BlockStatusNeedsAContext()
    {
        using var talk = new Talk(ReplyForm.Structured);
        using var status = new ScriptedRequest(NbdCommand.BlockStatus, 0, 512);
        Assert.Throws<ArgumentException>(() => talk.Script.Client.Submit(status.Request));
    }

    public static TheoryData<string> BadReads() => [.. s_badReads.Keys];

    [Theory]
    [MemberData(nameof(BadReads))]
    public void AChunkThatMayNotBeEndsTheConnection(string what)
    {
        foreach (ReplyForm form in s_forms)
        {
            using var talk = new Talk(form);
            using ScriptedRequest read = talk.Read(4096, 1024, what.Contains("DF", StringComparison.Ordinal) ? Df : (ushort)0);
            talk.Send(s_badReads[what](talk));
            talk.Script.ExpectClosed(Errno.EPROTO, "unix:script");
            read.ExpectEnd(Errno.EPROTO);
        }
    }

    /// <summary>libnbd took the difference of a chunk's offset and its request's for a signed number, and wrote before the caller's buffer.</summary>
    [Theory]
    [InlineData(4095)]
    [InlineData(0)]
    [InlineData(ulong.MaxValue)]
    [InlineData(0x8000_0000_0000_0000)]
    [InlineData(4096 + 1024)]
    public void Cve2019_14842_ChunkThatLiesOutsideItsRequest(ulong offset)
    {
        using var talk = new Talk(ReplyForm.Structured);
        using ScriptedRequest read = talk.Read(4096, 1024);
        talk.Send(talk.Chunk(Done, Data, Wire.DataAt(offset, new byte[8])));
        talk.Script.ExpectClosed(Errno.EPROTO, "unix:script");
        read.ExpectEnd(Errno.EPROTO);
    }

    private static readonly Dictionary<string, Func<Talk, byte[]>> s_badReads = new()
    {
        ["data before the request"] = talk => talk.Chunk(Done, Data, Wire.DataAt(4095, new byte[1024])),
        ["data behind the request"] = talk => talk.Chunk(Done, Data, Wire.DataAt(4097, new byte[1024])),
        ["data at an offset that wraps"] = talk => talk.Chunk(Done, Data, Wire.DataAt(ulong.MaxValue - 100, new byte[512])),
        ["data of no bytes"] = talk => talk.Chunk(Done, Data, Wire.DataAt(4096, [])),
        ["data longer than the request"] = talk => talk.Chunk(Done, Data, Wire.DataAt(4096, new byte[1025])),
        ["data that is announced as 4 GiB"] = talk => talk.Header(Done, Data, uint.MaxValue),
        ["data twice"] = talk => [.. talk.Chunk(0, Data, Wire.DataAt(4096, new byte[600])), .. talk.Chunk(Done, Data, Wire.DataAt(4600, new byte[520]))],
        ["data twice, out of order"] = talk => [.. talk.Chunk(0, Data, Wire.DataAt(5000, new byte[100])), .. talk.Chunk(Done, Hole, Wire.HoleAt(4096, 1024))],
        ["a hole of no bytes"] = talk => talk.Chunk(Done, Hole, Wire.HoleAt(4096, 0)),
        ["a hole beyond the request"] = talk => talk.Chunk(Done, Hole, Wire.HoleAt(4096, 1025)),
        ["a hole of 4 GiB"] = talk => talk.Chunk(Done, Hole, Wire.HoleAt(4096, uint.MaxValue)),
        ["a hole with more to it"] = talk => talk.Chunk(Done, Hole, [.. Wire.HoleAt(4096, 1024), 0]),
        ["an end without all bytes"] = talk => talk.Chunk(Done, Data, Wire.DataAt(4096, new byte[1023])),
        ["an end without any bytes"] = talk => talk.Chunk(Done, None),
        ["NONE without DONE"] = talk => talk.Chunk(0, None),
        ["NONE with a payload"] = talk => talk.Chunk(Done, None, [1]),
        ["an unknown type"] = talk => talk.Chunk(Done, 0x1234, [1, 2, 3]),
        ["extents for a READ"] = talk => talk.Chunk(Done, Status, [.. Wire.U32(7), .. Wire.U32(512), .. Wire.U32(0)]),
        ["an error that is too short"] = talk => talk.Chunk(Done, Error, [0, 0, 0, 5, 0]),
        ["an error whose text is longer than it"] = talk => talk.Chunk(Done, Error, [.. Wire.U32(5), .. Wire.U16(3), 65, 66]),
        ["an error whose offset is not there"] = talk => talk.Chunk(Done, ErrorOffset, [.. Wire.U32(5), .. Wire.U16(0), 1, 2, 3]),
        ["an error text of more than 4096 bytes"] = talk => talk.Chunk(Done, Error, [.. Wire.U32(5), .. Wire.U16(4097), .. new byte[4097]]),
        ["an error that is announced as 4 GiB"] = talk => talk.Header(Done, Error, uint.MaxValue),
        ["a second piece with DF"] = talk =>
            [.. talk.Chunk(0, Data, Wire.DataAt(4096, new byte[512])), .. talk.Chunk(Done, Data, Wire.DataAt(4608, new byte[512]))],
        ["a simple reply with data"] = talk => [.. Wire.Reply(talk.Cookie), .. new byte[1024]],
        ["another magic"] = talk => [.. Wire.U32(0x12345678), .. new byte[28]],
        ["the other form's chunk"] = talk =>
            talk.IsExtended ? Wire.Chunk(talk.Cookie, Done, None, new byte[20]) : Wire.ExtendedChunk(talk.Cookie, 4096, Done, None),
        ["a cookie that nobody has"] = talk => talk.IsExtended ? Wire.ExtendedChunk(99, 4096, Done, None) : Wire.Chunk(99, Done, None),
    };

    [Fact]
    public void AnExtendedChunkRepeatsTheOffsetOfItsRequest()
    {
        using var talk = new Talk(ReplyForm.Extended);
        using ScriptedRequest read = talk.Read(4096, 16);
        talk.Send(talk.Chunk(Done, Data, Wire.DataAt(4096, new byte[16]), offset: 0));
        talk.Script.ExpectClosed(Errno.EPROTO, "offset");
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void APieceTooManyOutOfOrderEndsTheConnection(ReplyForm form)
    {
        using var talk = new Talk(form);
        using ScriptedRequest read = talk.Read(0, 8192);
        byte[][] pieces = [.. Enumerable.Range(0, Limits.MaxPiecesOutOfOrder + 1).Select(i => talk.Chunk(0, Hole, Wire.HoleAt((ulong)((2 * i) + 1), 1)))];
        var sender = new Thread(() => talk.Send(pieces));
        sender.Start();
        talk.Script.ExpectClosed(Errno.EPROTO, "out of order");
        sender.Join();
    }

    public static TheoryData<string> BadExtents() => [.. s_badExtents.Keys];

    [Theory]
    [MemberData(nameof(BadExtents))]
    public void ExtentsThatMayNotBeEndTheConnection(string what)
    {
        foreach (ReplyForm form in s_forms)
        {
            using var talk = new Talk(form, contexts: "base:allocation");
            using ScriptedRequest status = talk.Ask(NbdCommand.BlockStatus, 0, 512);
            talk.Send(s_badExtents[what](talk));
            talk.Script.ExpectClosed(Errno.EPROTO, "unix:script");
        }
    }

    private static readonly Dictionary<string, Func<Talk, byte[]>> s_badExtents = new()
    {
        ["a context that was not selected"] = talk => talk.Extents(Done, 9, (512, 0)),
        ["a context twice"] = talk => [.. talk.Extents(0, 7, (512, 0)), .. talk.Extents(Done, 7, (512, 0))],
        ["an extent of no bytes"] = talk => talk.Extents(Done, 7, (512, 0), (0, 0)),
        ["no extent"] = talk => talk.Extents(Done, 7),
        ["half an extent"] = talk => talk.Chunk(Done, talk.IsExtended ? StatusExt : Status, [.. Wire.U32(7), .. Wire.U32(1), .. new byte[9]]),
        ["the other form's extents"] = talk =>
            talk.Chunk(Done, talk.IsExtended ? Status : StatusExt, [.. Wire.U32(7), .. Wire.U32(1), .. Wire.U64(512), .. Wire.U64(0)]),
        ["more extents than the protocol allows"] = talk => talk.IsExtended
            ? talk.Header(Done, StatusExt, 8 + (((1u << 20) + 1) * 16))
            : talk.Header(Done, Status, 4 + (((1u << 20) + 1) * 8)),
        ["data"] = talk => talk.Chunk(Done, Data, Wire.DataAt(0, new byte[512])),
    };

    [Fact]
    public void AWrongNumberOfExtentsEndsTheConnection()
    {
        using var talk = new Talk(ReplyForm.Extended, contexts: "base:allocation");
        using ScriptedRequest status = talk.Ask(NbdCommand.BlockStatus, 0, 512);
        talk.Send(talk.Chunk(Done, StatusExt, [.. Wire.U32(7), .. Wire.U32(2), .. Wire.U64(512), .. Wire.U64(0)]));
        talk.Script.ExpectClosed(Errno.EPROTO, "number of extents");
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void ABlockStatusWithoutAnswerIsAnErrorOfItsOwn(ReplyForm form)
    {
        using var talk = new Talk(form, contexts: "base:allocation");
        using ScriptedRequest status = talk.Ask(NbdCommand.BlockStatus, 0, 512);
        talk.Send(talk.Chunk(Done, None));
        talk.Script.RunUntil(() => status.Ends == 1, "the request ends");
        status.ExpectEnd(Errno.EPROTO);
        Assert.False(talk.Script.IsClosed);
    }

    /// <summary>A client that was granted a form, and the chunks of a server for its last request.</summary>
    private sealed class Talk : IClientChunkHandler, IDisposable
    {
        private readonly ReplyForm _form;
        private ulong _offset;

        public Talk(ReplyForm form, string backend = Backend, params string[] contexts)
        {
            _form = form;
            Script = ClientScript.Connected(backend, new NbdClientOptions { Replies = form, MetaContexts = contexts });
            Assert.Equal(form, Script.Client.Replies);
        }

        public ClientScript Script { get; }
        public List<string> Told { get; } = [];
        public ulong Cookie { get; set; }
        public ushort Flags { get; private set; }
        public bool IsExtended => _form == ReplyForm.Extended;

        public ScriptedRequest Read(ulong offset, uint length, ushort flags = 0) => Ask(NbdCommand.Read, offset, length, flags);

        public ScriptedRequest Ask(NbdCommand command, ulong offset, uint length, ushort flags = 0)
        {
            var request = new ScriptedRequest(command, offset, length);
            request.Request.Chunks = this;
            request.Request.Flags = (NbdCommandFlags)flags;
            Script.Client.Submit(request.Request);
            (Flags, Cookie) = IsExtended
                ? Script.ReadExtendedRequest() is var wide ? (wide.Flags, wide.Cookie) : default
                : Script.ReadRequest() is var wire ? (wire.Flags, wire.Cookie) : default;
            _offset = offset;
            return request;
        }

        public void Send(params byte[][] pieces) => Script.Server.Send(pieces.SelectMany(piece => piece).ToArray());

        public byte[] Chunk(ushort flags, ushort type, byte[]? payload = null, ulong? offset = null) => IsExtended
            ? Wire.ExtendedChunk(Cookie, offset ?? _offset, flags, type, payload ?? [])
            : Wire.Chunk(Cookie, flags, type, payload ?? []);

        /// <summary>A chunk of which only the header ever comes.</summary>
        public byte[] Header(ushort flags, ushort type, uint length)
        {
            byte[] chunk = Chunk(flags, type);
            byte[] bytes = IsExtended ? Wire.U64(length) : Wire.U32(length);
            bytes.CopyTo(chunk, chunk.Length - bytes.Length);
            return chunk;
        }

        public byte[] Extents(ushort flags, uint context, params (ulong Length, ulong Flags)[] extents) => IsExtended
            ? Chunk(flags, StatusExt, [.. Wire.U32(context), .. Wire.U32((uint)extents.Length), .. extents
                .SelectMany(e => (byte[])[.. Wire.U64(e.Length), .. Wire.U64(e.Flags)])])
            : Chunk(flags, Status, [.. Wire.U32(context), .. extents.SelectMany(e => (byte[])[.. Wire.U32((uint)e.Length), .. Wire.U32((uint)e.Flags)])]);

        public void OnData(ClientRequest request, ulong offset, ulong length) => Told.Add($"data {offset}+{length}");

        public void OnHole(ClientRequest request, ulong offset, ulong length) => Told.Add($"hole {offset}+{length}");

        public void OnExtent(ClientRequest request, in MetaContext context, ulong length, ulong flags) => Told.Add($"{context.Name} {length} {flags}");

        public void OnError(ClientRequest request, int error, ulong? offset, string text) => Told.Add($"error {error} at {offset}: {text}");

        public void Dispose() => Script.Dispose();
    }
}
