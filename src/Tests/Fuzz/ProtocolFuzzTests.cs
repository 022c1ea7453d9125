using System.Buffers.Binary;
using System.Text;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>
/// Whatever a peer sends, a parser answers with a verdict: it never throws, and never takes more memory than the longest legal message is worth.
/// </summary>
public class ProtocolFuzzTests
{
    // The longest message holds two strings of 4096 bytes: as UTF-16, and once more where control characters are replaced, with an iterator and a
    // builder. An option's announced length, which a peer chooses up to 4 GiB, must never show up here.
    private const long MaxAllocatedBytes = 128 << 10;

    private const TransmissionFlags Flags = TransmissionFlags.HasFlags | TransmissionFlags.SendFlush | TransmissionFlags.SendTrim;

    private delegate object? Parser(ReadOnlySpan<byte> bytes);

    private static readonly (string Name, Parser Parse)[] s_parsers =
    [
        ("greeting", bytes => Status(Greeting.Parse(bytes, out _))),
        ("client flags", bytes => Status(Greeting.ParseAnswer(bytes, HandshakeFlags.FixedNewstyle, out _))),
        ("option request", bytes => Status(OptionRequest.Parse(bytes, 3, out _))),
        ("info request", bytes => Status(InfoRequest.Parse(bytes, out _))),
        ("export name", bytes => ExportName.TryDecode(bytes, out _, out _) ? null : ParseStatus.Drop),
        ("option reply", bytes => Status(OptionReply.Parse(bytes, NbdOption.Go, out _))),
        ("error text", bytes => new OptionReply(NbdOption.Go, OptionReplyType.ErrPolicy, bytes.Length).ErrorText(bytes)),
        ("server reply", bytes => Status(ServerEntry.Parse(bytes, out _))),
        ("info reply", bytes => Status(InfoReply.Parse(bytes, out _))),
        ("export name reply", bytes => Status(ExportNameReply.Parse(bytes, noZeroes: false, out _))),
        ("short export name reply", bytes => Status(ExportNameReply.Parse(bytes, noZeroes: true, out _))),
        ("compact request", bytes => Judge(Requests.ParseCompact(bytes, out NbdRequest request), request)),
        ("extended request", bytes => Judge(Requests.ParseExtended(bytes, out NbdRequest request), request)),
        ("context request", bytes => Status(MetaContextRequest.Parse(bytes, out _))),
        ("context reply", bytes => Status(MetaContext.Parse(bytes, out _))),
        ("structured chunk", bytes => ChunkHeader.Parse(bytes, ReplyForm.Structured, out _)),
        ("extended chunk", bytes => ChunkHeader.Parse(bytes, ReplyForm.Extended, out _)),
        ("simple reply", bytes => Replies.ParseSimple(bytes, out uint error, out _) == WireStatus.Ok ? NbdErrors.FromWire(error) : null),
    ];

    private static readonly RequestRules s_rules = new(1ul << 40, Flags, new BlockSizeConstraints(512, 4096, 1 << 20));

    private static readonly RequestRules s_extendedRules = s_rules.For(ReplyForm.Extended, hasMetaContext: true);

    /// <summary>Valid messages that are parsed as they arrive, byte by byte.</summary>
    public static TheoryData<string, string> Framed()
    {
        byte[] bytes = new byte[512];
        var messages = new TheoryData<string, string>();
        void Add(string parser, int length) => messages.Add(parser, Convert.ToHexString(bytes.AsSpan(0, length)));

        Greeting.Write(bytes, HandshakeFlags.FixedNewstyle | HandshakeFlags.NoZeroes);
        Add("greeting", Greeting.Size);
        Greeting.WriteAnswer(bytes, ClientFlags.FixedNewstyle);
        Add("client flags", Greeting.AnswerSize);
        Add("option request", OptionRequest.WriteHeader(bytes, NbdOption.Go, 77));
        Add("option reply", OptionReplies.WriteAck(bytes, NbdOption.Go));
        Add("export name reply", ExportNameReply.Write(bytes, 4096, Flags, noZeroes: false));
        Add("short export name reply", ExportNameReply.Write(bytes, 4096, Flags, noZeroes: true));
        Requests.WriteCompact(bytes, NbdCommandFlags.None, NbdCommand.Read, 1, 2, 3);
        Add("compact request", Requests.CompactSize);
        Requests.WriteExtended(bytes, NbdCommandFlags.None, NbdCommand.Read, 1, 2, 3);
        Add("extended request", Requests.ExtendedSize);
        Replies.WriteSimple(bytes, NbdError.EIO, 1);
        Add("simple reply", Replies.SimpleSize);
        Add("structured chunk", new ChunkHeader(ChunkFlags.Done, ChunkType.OffsetHole, 1, 0, 12).Write(bytes, ReplyForm.Structured));
        Add("extended chunk", new ChunkHeader(ChunkFlags.Done, ChunkType.OffsetHole, 1, 2, 12).Write(bytes, ReplyForm.Extended));
        return messages;
    }

    [Theory]
    [MemberData(nameof(Framed))]
    public void EveryPrefixOfAValidMessageNeedsMore(string parser, string hex)
    {
        byte[] message = Convert.FromHexString(hex);
        for (int length = 0; length <= message.Length; length++)
        {
            // A copy of its own, so that a read beyond the prefix is a read beyond the array.
            string expected = length < message.Length ? "NeedMore" : "Ok";
            Assert.Equal((length, expected), (length, FramedStatus(parser, message[..length])));
        }

        Assert.Equal("Ok", FramedStatus(parser, [.. message, 0xff, 0xff]));
    }

    [Fact]
    public void EveryPrefixOfAnOptionsDataIsRefusedAndNothingElse()
    {
        byte[] bytes = new byte[InfoRequest.MaxWrittenBytes];
        int end = new InfoRequest("größe", InfoTypes.Name | InfoTypes.BlockSize).Write(bytes, NbdOption.Go);
        byte[] data = bytes[OptionRequest.HeaderSize..end];
        for (int length = 0; length <= data.Length; length++)
        {
            ParseStatus expected = length == data.Length ? ParseStatus.Ok : ParseStatus.Refuse;
            Assert.Equal((length, expected), (length, InfoRequest.Parse(data[..length], out _).Status));
        }
    }

    [Fact]
    public void RandomBytesOnlyGetVerdicts() => Run(random =>
    {
        byte[] bytes = new byte[random.Next(4) == 0 ? random.Next(10_000) : random.Next(64)];
        random.NextBytes(bytes);
        return bytes;
    });

    [Fact]
    public void MutatedMessagesOnlyGetVerdicts()
    {
        byte[][] seeds = Seeds();
        Run(random => Mutate(random, seeds[random.Next(seeds.Length)]));
    }

    [Fact]
    public void RandomRequestsOnlyGetVerdicts()
    {
        int seed = NewSeed();
        var random = new Random(seed);
        ulong[] edges = [0, 1, 511, 512, 4096, 1 << 20, 32 << 20, 64 << 20, uint.MaxValue, 1ul << 40, (1ul << 40) - 512, 1ul << 63, ulong.MaxValue];
        for (int i = 0; i < TestScale.Pick(200_000, 20_000_000); i++)
        {
            ulong Edge() => unchecked(edges[random.Next(edges.Length)] + (ulong)random.NextInt64(-2, 3));
            ulong length = random.Next(2) == 0 ? Edge() : (uint)random.NextInt64();
            var request = new NbdRequest((NbdCommandFlags)(random.Next(3) == 0 ? random.Next(65_536) : 0), (NbdCommand)random.Next(12), (ulong)i,
                Edge(), length);

            AssertSafe(request, s_rules.Check(in request), seed);
            NbdRequest extended = request with { IsExtended = true };
            AssertSafeExtended(extended, s_extendedRules.Check(in extended), seed);
        }
    }

    [Fact]
    public void RandomUrisOnlyGetVerdicts()
    {
        int seed = NewSeed();
        var random = new Random(seed);
        string[] pieces =
        [
            "nbd", "nbds", "+unix", "://", ":", "/", "//", "?", "#", "&", "=", "socket", "socket=", "/tmp/s", "[", "]", "::1", "fe80::1", "%", "%25",
                "%2F", "%00", "%ff", "%c3%9f", "@",
            "-o", "host", "127.0.0.1", "10809", "0", "65536", "export", "ö", "\ud83d", "\ude82", " ", "\n", "\0", ";", "+", "tls-x",
        ];
        for (int i = 0; i < TestScale.Pick(50_000, 2_000_000); i++)
        {
            string text = string.Concat(Enumerable.Range(0, random.Next(12)).Select(_ => pieces[random.Next(pieces.Length)]));
            text = random.Next(3) switch { 0 => text, 1 => "nbd://host" + text, _ => $"nbd+unix:///{text}?socket=/tmp/{text}" };
            try
            {
                if (NbdUri.TryParse(text, out NbdUri? uri, out string error))
                {
                    Assert.True(NbdUri.TryParse(uri.ToString(), out NbdUri? again, out error), error);
                    Assert.Equal(uri, again);
                }
                else
                {
                    Assert.NotEmpty(error);
                }
            }
            catch (Exception e)
            {
                Assert.Fail($"seed {seed}, turn {i}, URI \"{text}\": {e}");
            }
        }
    }

    /// <summary>A request that is served lies within the export and its limits, computed here in a way that cannot overflow.</summary>
    private static void AssertSafe(NbdRequest request, RequestVerdict verdict, int seed)
    {
        bool isSafe = verdict.Action switch
        {
            RequestAction.Serve => (UInt128)request.Offset + request.Length <= s_rules.ExportSize
                && (request.Command is not (NbdCommand.Read or NbdCommand.Write) || request.Length <= s_rules.MaxPayloadBytes)
                && request.Offset % 512 == 0 && request.Length % 512 == 0 && request.Flags == NbdCommandFlags.None,
            RequestAction.Succeed => request.Length == 0,
            RequestAction.Refuse => verdict.Error != NbdError.None && verdict.SkipBytes == request.PayloadBytes,
            RequestAction.Disconnect => request.Command == NbdCommand.Disconnect,
            _ => request.Command == NbdCommand.Write && request.Length > Limits.MaxSkippedPayloadBytes,
        };
        if (!isSafe)
        {
            Assert.Fail($"seed {seed}: {request} got {verdict}");
        }
    }

    /// <summary>As <see cref="AssertSafe"/>, of a request with an extended header: whatever follows it is accounted for.</summary>
    private static void AssertSafeExtended(NbdRequest request, RequestVerdict verdict, int seed)
    {
        ulong announced = request.Command == NbdCommand.Write || (request.Flags & NbdCommandFlags.PayloadLen) != 0 ? request.Length : 0;
        bool inRange = (UInt128)request.Offset + request.Length <= s_rules.ExportSize;
        bool isSafe = verdict.Action switch
        {
            RequestAction.Serve when request.Command == NbdCommand.BlockStatus && announced > 0 => announced == BlockStatusPayload.Size,
            RequestAction.Serve when request.Command == NbdCommand.BlockStatus => inRange && request.Length > 0,
            RequestAction.Serve => inRange && (announced > 0 == (request.Command == NbdCommand.Write))
                && (request.Command is not (NbdCommand.Read or NbdCommand.Write) || request.Length <= s_rules.MaxPayloadBytes),
            RequestAction.Succeed => request.Length == 0,
            RequestAction.Refuse => verdict.Error != NbdError.None && verdict.SkipBytes == announced,
            RequestAction.Disconnect => request.Command == NbdCommand.Disconnect,
            _ => announced > Limits.MaxSkippedPayloadBytes,
        };
        if (!isSafe)
        {
            Assert.Fail($"seed {seed}: {request} got {verdict}");
        }
    }

    /// <summary>The short form is the same on every run; the long one looks elsewhere each time. A failure names its seed.</summary>
    private static int NewSeed() => TestScale.Pick(20_260_510, Environment.TickCount);

    private static void Run(Func<Random, byte[]> next)
    {
        int seed = NewSeed();
        var random = new Random(seed);
        foreach ((_, Parser parse) in s_parsers)
        {
            // What a parser needs once, such as its strings' tables, is not the message's.
            parse(new byte[64]);
        }

        for (int i = 0; i < TestScale.Pick(20_000, 1_000_000); i++)
        {
            byte[] bytes = next(random);
            foreach ((string name, Parser parse) in s_parsers)
            {
                long before = GC.GetAllocatedBytesForCurrentThread();
                try
                {
                    parse(bytes);
                }
                catch (Exception e)
                {
                    Assert.Fail($"seed {seed}, turn {i}, {name} of {Convert.ToHexString(bytes)}: {e}");
                }

                long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
                if (allocated > MaxAllocatedBytes)
                {
                    Assert.Fail($"seed {seed}, turn {i}, {name} of {bytes.Length} bytes allocated {allocated} bytes: {Convert.ToHexString(bytes)}");
                }
            }
        }
    }

    private static byte[][] Seeds()
    {
        byte[] bytes = new byte[OptionReplies.MaxWrittenBytes];
        int go = new InfoRequest("export", InfoTypes.Name | InfoTypes.BlockSize).Write(bytes, NbdOption.Go);
        var seeds = new List<byte[]> { bytes[..go], bytes[OptionRequest.HeaderSize..go] };
        void AddReply(int length)
        {
            seeds.Add(bytes[..length]);
            seeds.Add(bytes[OptionReply.HeaderSize..length]);
        }

        AddReply(MetaContextRequest.Write(bytes, NbdOption.SetMetaContext, "export", ["base:allocation", "qemu:dirty-bitmap:x"]));
        seeds.Add(bytes[OptionRequest.HeaderSize..MetaContextRequest.WrittenBytes("export", ["base:allocation", "qemu:dirty-bitmap:x"])]);
        AddReply(OptionReplies.WriteMetaContext(bytes, NbdOption.SetMetaContext, new MetaContext(1, MetaContext.Allocation)));
        AddReply(OptionReplies.WriteServer(bytes, "export", "text"));
        AddReply(OptionReplies.WriteExportInfo(bytes, NbdOption.Go, 1 << 30, Flags));
        AddReply(OptionReplies.WriteNameInfo(bytes, NbdOption.Go, "größe"));
        AddReply(OptionReplies.WriteBlockSizeInfo(bytes, NbdOption.Go, BlockSizeConstraints.Default));
        AddReply(OptionReplies.WriteError(bytes, NbdOption.Go, OptionReplyType.ErrPolicy, "no"));
        AddReply(OptionReplies.WriteServer(bytes, new string('n', Limits.MaxStringBytes), new string('\u0001', Limits.MaxStringBytes)));
        return [.. seeds, .. Framed().Select(row => Convert.FromHexString((string)row[1]))];
    }

    /// <summary>One to three changes: a byte, a 16- or 32-bit number at an edge, a cut, or a doubled piece.</summary>
    private static byte[] Mutate(Random random, byte[] seed)
    {
        uint[] edges = [0, 1, 0x7f, 0x80, 0xff, 0x1000, 0x1001, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff];
        byte[] bytes = [.. seed];
        for (int change = random.Next(1, 4); change > 0 && bytes.Length > 0; change--)
        {
            int at = random.Next(bytes.Length);
            switch (random.Next(5))
            {
                case 0:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 1 when at + 4 <= bytes.Length:
                    BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(at), edges[random.Next(edges.Length)]);
                    break;
                case 2 when at + 2 <= bytes.Length:
                    BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(at), (ushort)edges[random.Next(edges.Length)]);
                    break;
                case 3:
                    bytes = bytes[..at];
                    break;
                default:
                    bytes = [.. bytes, .. bytes[at..]];
                    break;
            }
        }

        return bytes;
    }

    private static string FramedStatus(string parser, byte[] bytes) => parser switch
    {
        "compact request" => Requests.ParseCompact(bytes, out _).ToString(),
        "extended request" => Requests.ParseExtended(bytes, out _).ToString(),
        "simple reply" => Replies.ParseSimple(bytes, out _, out _).ToString(),
        "structured chunk" => ChunkHeader.Parse(bytes, ReplyForm.Structured, out _).ToString(),
        "extended chunk" => ChunkHeader.Parse(bytes, ReplyForm.Extended, out _).ToString(),
        _ => s_parsers.Single(p => p.Name == parser).Parse(bytes)!.ToString()!,
    };

    /// <summary>Every verdict that is not good says why, briefly.</summary>
    private static object Status(ParseVerdict verdict)
    {
        bool isExplained = verdict.Status is ParseStatus.Ok or ParseStatus.NeedMore ? verdict.Reason.Length == 0 : verdict.Reason.Length is > 0 and < 300;
        return isExplained ? verdict.Status : throw new InvalidOperationException($"{verdict.Status} with the reason \"{verdict.Reason}\"");
    }

    private static object? Judge(WireStatus status, NbdRequest request)
        => status == WireStatus.Ok ? s_rules.Explain(s_rules.Check(in request), in request) : null;
}
