using System.Text;
using static Harness.Tests.RawNbd;

namespace Harness.Tests;

/// <summary>The handshake byte by byte: what the protocol's text asks for, and how bad input is refused (proto.md, fixed newstyle negotiation).</summary>
public class RawHandshakeTests(RawServers servers) : IClassFixture<RawServers>
{
    private const ulong ExportBytes = 16 << 20;

    /// <summary>Each case gets a connection that has read the greeting.</summary>
    private static readonly Dictionary<string, Action<RawNbd>> Cases = new()
    {
        ["EXPORT_NAME is followed by 124 zeroes"] = nbd =>
        {
            nbd.Send(Be(FixedNewstyle), Option(ExportName, []));
            ExpectExport(nbd.Receive(10));
            Assert.Equal(new byte[124], nbd.Receive(124));
            nbd.ExpectTransmission();
        },
        ["EXPORT_NAME is followed by nothing after C_NO_ZEROES"] = nbd =>
        {
            nbd.Send(Be(FixedNewstyle | NoZeroes), Option(ExportName, []));
            ExpectExport(nbd.Receive(10));
            nbd.ExpectTransmission();
        },
        ["EXPORT_NAME serves a client that is not of the fixed kind"] = nbd =>
        {
            nbd.Send(Be(0u), Option(ExportName, []));
            ExpectExport(nbd.Receive(10));
            Assert.Equal(new byte[124], nbd.Receive(124));
            nbd.ExpectTransmission();
        },
        ["EXPORT_NAME longer than 4096 bytes drops"] = nbd =>
        {
            nbd.Send(Be(FixedNewstyle | NoZeroes), Option(ExportName, new byte[4097]));
            nbd.ExpectDrop();
        },
        ["EXPORT_NAME with a NUL drops"] = nbd =>
        {
            nbd.Send(Be(FixedNewstyle | NoZeroes), Option(ExportName, [(byte)'a', 0, (byte)'b']));
            nbd.ExpectDrop();
        },
        ["EXPORT_NAME after EXTENDED_HEADERS drops"] = nbd =>
        {
            Skip.If(HarnessServer.IsForeign, "the foreign server has no extended headers");
            nbd.Send(Be(FixedNewstyle | NoZeroes), Option(ExtendedHeaders, []));
            nbd.Expect(ExtendedHeaders, RepAck);
            nbd.Send(Option(ExportName, []));
            nbd.ExpectDrop();
        },
        ["an option but EXPORT_NAME drops where the client is not of the fixed kind"] = nbd =>
        {
            Skip.If(HarnessServer.IsForeign, "the foreign server answers it");
            nbd.Send(Be(0u), Option(List, []));
            nbd.ExpectDrop();
        },
        ["ABORT with data is acknowledged too"] = nbd =>
        {
            nbd.Send(Be(FixedNewstyle), Option(Abort, [1, 2, 3]));
            nbd.Expect(Abort, RepAck, ErrInvalid);
        },
        ["STRUCTURED_REPLY and EXTENDED_HEADERS with data are INVALID"] = nbd =>
        {
            nbd.Send(Be(FixedNewstyle), Option(StructuredReply, [0]), Option(ExtendedHeaders, [0]));
            nbd.Expect(StructuredReply, ErrInvalid);
            nbd.Expect(ExtendedHeaders, ErrInvalid);
            EnterByGo(nbd);
        },
        ["STARTTLS is UNSUP, and the session goes on as it was"] = nbd =>
        {
            nbd.Send(Be(FixedNewstyle), Option(StartTls, []));
            nbd.Expect(StartTls, ErrUnsup);
            EnterByGo(nbd);
        },
        ["STARTTLS with data is refused, and its bytes are consumed"] = nbd =>
        {
            nbd.Send(Be(FixedNewstyle), Option(StartTls, [1, 2, 3]));
            nbd.Expect(StartTls, ErrUnsup, ErrInvalid);
            EnterByGo(nbd);
        },
        ["SET_META_CONTEXT with a name or a query of more than 4096 bytes is INVALID"] = nbd =>
        {
            nbd.Send(Be(FixedNewstyle), Option(StructuredReply, []));
            nbd.Expect(StructuredReply, RepAck);
            nbd.Send(Option(SetMetaContext, [.. Be(4097u), .. new byte[4097].Select(_ => (byte)'n'), .. Be(0u)]));
            nbd.Expect(SetMetaContext, ErrInvalid, ErrTooBig);
            nbd.Send(Option(SetMetaContext, [.. Be(0u), .. Be(1u), .. Be(4097u), .. new byte[4097].Select(_ => (byte)'q')]));
            nbd.Expect(SetMetaContext, ErrInvalid, ErrTooBig);
            nbd.Send(Option(Abort, []));
            nbd.Expect(Abort, RepAck);
        },
        ["SET_META_CONTEXT whose lengths run past the option is INVALID"] = nbd =>
        {
            nbd.Send(Be(FixedNewstyle), Option(StructuredReply, []));
            nbd.Expect(StructuredReply, RepAck);
            byte[][] wrong = [[], [.. Be(0xffff_ffffu), .. Be(0u)], [.. Be(0u), .. Be(0xffff_ffffu)], [.. Be(0u), .. Be(1u), .. Be(0xffff_fff0u), 1]];
            foreach (byte[] data in wrong)
            {
                nbd.Send(Option(SetMetaContext, data));
                nbd.Expect(SetMetaContext, ErrInvalid, ErrTooBig);
            }

            nbd.Send(Option(Abort, []));
            nbd.Expect(Abort, RepAck);
        },
        ["more than 32 options drop"] = nbd =>
        {
            nbd.Send(Be(FixedNewstyle), [.. Enumerable.Range(0, 32).SelectMany(_ => Option(0x777, []))]);
            for (int i = 0; i < 32; i++)
            {
                nbd.Expect(0x777, ErrUnsup);
            }

            nbd.Send(Option(0x777, []));
            nbd.ExpectDrop();
        },
        ["ABORT is acknowledged, then the server closes"] = nbd =>
        {
            nbd.Send(Be(FixedNewstyle | NoZeroes), Option(Abort, []));
            Assert.Empty(nbd.Expect(Abort, RepAck));
            nbd.ExpectDrop();
        },
        ["an unknown option is UNSUP and its bytes are consumed"] = nbd =>
        {
            nbd.Send(Be(FixedNewstyle | NoZeroes), Option(0x7654321, new byte[70_000]));
            nbd.Expect(0x7654321, ErrUnsup);
            nbd.Send(Option(0x7654322, []));
            nbd.Expect(0x7654322, ErrUnsup);
            EnterByGo(nbd);
        },
        ["PEEK_EXPORT is UNSUP"] = nbd =>
        {
            nbd.Send(Be(FixedNewstyle | NoZeroes), Option(PeekExport, []));
            nbd.Expect(PeekExport, ErrUnsup);
            EnterByGo(nbd);
        },
        ["LIST names the export, then acknowledges"] = nbd =>
        {
            nbd.Send(Be(FixedNewstyle | NoZeroes), Option(List, []));
            var server = nbd.Expect(List, RepServer);
            Assert.Equal(0u, U32(server));
            Assert.Empty(nbd.Expect(List, RepAck));
            EnterByGo(nbd);
        },
        ["LIST with data is INVALID"] = nbd =>
        {
            nbd.Send(Be(FixedNewstyle | NoZeroes), Option(List, [1, 2, 3]));
            nbd.Expect(List, ErrInvalid);
            EnterByGo(nbd);
        },
        ["INFO and GO answer the same, and GO sends no zeroes"] = nbd =>
        {
            nbd.Send(Be(FixedNewstyle), Option(Info, InfoData("", 3)));
            var info = nbd.ExpectInfos(Info);
            ExpectExport(info[0][2..]);
            nbd.Send(Option(Go, InfoData("", 3)));
            Assert.Equal(info, nbd.ExpectInfos(Go));
            nbd.ExpectTransmission();
        },
        ["block sizes keep the protocol's bounds"] = nbd =>
        {
            nbd.Send(Be(FixedNewstyle | NoZeroes), Option(Go, InfoData("", 3)));
            Skip.IfNot(nbd.ExpectInfos(Go).TryGetValue(3, out var sizes), "this server does not say its block sizes");
            var (minimum, preferred, maximum) = (U32(sizes!, 2), U32(sizes!, 6), U32(sizes!, 10));
            Assert.True(uint.IsPow2(minimum) && minimum <= 65_536, $"minimum {minimum}");
            Assert.True(uint.IsPow2(preferred) && preferred >= Math.Max(512, minimum), $"preferred {preferred}");
            Assert.True(maximum >= 1 << 20 && maximum >= preferred, $"maximum {maximum}");
        },
        ["unknown numbers in INFO are ignored"] = nbd =>
        {
            nbd.Send(Be(FixedNewstyle | NoZeroes), Option(Info, InfoData("", 3, 99, 0x7fff, 3)));
            nbd.ExpectInfos(Info);
            EnterByGo(nbd);
        },
        ["a name longer than 4096 bytes is INVALID"] = nbd =>
        {
            nbd.Send(Be(FixedNewstyle | NoZeroes), Option(Info, InfoData(new string('x', 4097))));
            nbd.Expect(Info, ErrInvalid, ErrTooBig);
            nbd.Send(Option(Go, InfoData(new string('x', 4097))));
            nbd.Expect(Go, ErrInvalid, ErrTooBig);
            EnterByGo(nbd);
        },
        ["a name that runs past its option is INVALID"] = nbd =>
        {
            nbd.Send(Be(FixedNewstyle | NoZeroes), Option(Go, [.. Be(100u), (byte)'x', .. Be((ushort)0)]));
            nbd.Expect(Go, ErrInvalid);
            nbd.Send(Option(Go, [.. Be(0xffff_ffffu), .. Be((ushort)0)]));
            nbd.Expect(Go, ErrInvalid);
            EnterByGo(nbd);
        },
        ["a list of numbers that is not as long as its count is INVALID"] = nbd =>
        {
            nbd.Send(Be(FixedNewstyle | NoZeroes), Option(Go, [.. Be(0u), .. Be((ushort)2), .. Be((ushort)3)]));
            nbd.Expect(Go, ErrInvalid);
            nbd.Send(Option(Go, [.. Be(0u), .. Be((ushort)0xffff)]));
            nbd.Expect(Go, ErrInvalid);
            EnterByGo(nbd);
        },
        ["an option too short for its fields is INVALID"] = nbd =>
        {
            nbd.Send(Be(FixedNewstyle | NoZeroes));
            for (var length = 0; length < 6; length++)
            {
                nbd.Send(Option(Info, new byte[length]));
                nbd.Expect(Info, ErrInvalid);
            }
            EnterByGo(nbd);
        },
        ["a name with a NUL is no export"] = nbd =>
        {
            nbd.Send(Be(FixedNewstyle | NoZeroes), Option(Info, InfoData("a\0b")));
            nbd.Expect(Info, ErrInvalid, ErrUnknown);
            EnterByGo(nbd);
        },
        ["an unknown client flag drops"] = nbd =>
        {
            nbd.Send(Be(FixedNewstyle | NoZeroes | 4));
            nbd.ExpectDrop();
        },
        ["the highest client flag drops"] = nbd =>
        {
            nbd.Send(Be(0x8000_0000u | FixedNewstyle));
            nbd.ExpectDrop();
        },
        ["an option of a huge length drops"] = nbd =>
        {
            nbd.Send(Be(FixedNewstyle | NoZeroes), Option(0x7654321, [], length: 0xffff_ffff));
            nbd.ExpectDrop();
        },
        ["GO of a huge length drops"] = nbd =>
        {
            nbd.Send(Be(FixedNewstyle | NoZeroes), Option(Go, [], length: 0xffff_fff0));
            nbd.ExpectDrop();
        },
        ["a wrong option magic drops"] = nbd =>
        {
            nbd.Send(Be(FixedNewstyle | NoZeroes), Be(OptionMagic ^ 1), Be(List), Be(0u));
            nbd.ExpectDrop();
        },
        ["another protocol's greeting drops"] = nbd =>
        {
            nbd.Send(Encoding.ASCII.GetBytes("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"));
            nbd.ExpectDrop();
        },
    };

    /// <summary>What a server with named exports refuses; the plug-in of the foreign server answers to every name.</summary>
    private static readonly Dictionary<string, Action<RawNbd>> NamedExportCases = new()
    {
        ["EXPORT_NAME of an unknown export drops"] = nbd =>
        {
            nbd.Send(Be(FixedNewstyle | NoZeroes), Option(ExportName, Encoding.UTF8.GetBytes("nobody")));
            nbd.ExpectDrop();
        },
        ["GO to an unknown export is UNKNOWN, and the session goes on"] = nbd =>
        {
            nbd.Send(Be(FixedNewstyle | NoZeroes), Option(Info, InfoData("nobody")));
            nbd.Expect(Info, ErrUnknown);
            nbd.Send(Option(Go, InfoData("nobody")));
            nbd.Expect(Go, ErrUnknown);
            EnterByGo(nbd);
        },
    };

    public static TheoryData<string, string> CasesOnBackends
    {
        get
        {
            var data = new TheoryData<string, string>();
            foreach (var backend in ServerCases.RawBackends)
            {
                foreach (var name in HarnessServer.IsForeign ? Cases.Keys : Cases.Keys.Concat(NamedExportCases.Keys))
                {
                    data.Add(backend, name);
                }
            }
            return data;
        }
    }

    [SkippableTheory]
    [MemberData(nameof(CasesOnBackends))]
    public void Handshake(string backend, string name)
    {
        var script = Cases.GetValueOrDefault(name) ?? NamedExportCases[name];
        HarnessServer server = servers.Of(backend);

        using (var nbd = new RawNbd(server))
        {
            script(nbd);
        }

        ExpectService(server);
    }

    [SkippableTheory]
    [MemberData(nameof(ServerCases.RawBackendNames), MemberType = typeof(ServerCases))]
    public void A_handshake_may_come_byte_by_byte(string backend)
    {
        HarnessServer server = servers.Of(backend);
        using var nbd = new RawNbd(server) { ByteByByte = true };

        nbd.Send(Be(FixedNewstyle | NoZeroes), Option(0x7654321, new byte[100]));
        nbd.Expect(0x7654321, ErrUnsup);
        nbd.Send(Option(Go, InfoData("", 3)));
        nbd.ExpectInfos(Go);
        nbd.ExpectTransmission();
    }

    [SkippableTheory]
    [MemberData(nameof(ServerCases.RawBackendNames), MemberType = typeof(ServerCases))]
    public void A_client_that_leaves_after_any_byte_harms_nobody(string backend)
    {
        HarnessServer server = servers.Of(backend);
        byte[] handshake = [.. Be(FixedNewstyle | NoZeroes), .. Option(Go, InfoData("", 3))];

        for (var length = 0; length <= handshake.Length; length++)
        {
            using var nbd = new RawNbd(server);
            nbd.Send(handshake[..length]);
        }

        ExpectService(server);
    }

    private static void EnterByGo(RawNbd nbd)
    {
        nbd.Send(Option(Go, InfoData("")));
        ExpectExport(nbd.ExpectInfos(Go)[0][2..]);
        nbd.ExpectTransmission();
    }

    private static void ExpectExport(byte[] sizeAndFlags)
    {
        Assert.Equal(ExportBytes, U64(sizeAndFlags));
        var flags = U16(sizeAndFlags, 8);
        Assert.True((flags & 1) != 0, $"transmission flags 0x{flags:x} lack HAS_FLAGS");
        Assert.True((flags & 1 << 7) == 0, $"transmission flags 0x{flags:x} have SEND_DF without structured replies");
    }

    // Whatever one client did, the next is served.
    private static void ExpectService(HarnessServer server)
    {
        using var nbd = new RawNbd(server);
        nbd.Send(Be(FixedNewstyle | NoZeroes));
        EnterByGo(nbd);
    }
}
