using static Harness.Tests.RawNbd;

namespace Harness.Tests;

/// <summary>Clients and servers that fail at the wrong moment, as they have brought others down: each test is named after those faults.</summary>
public class PeerFailureCveTests(RawServers servers) : IClassFixture<RawServers>
{
    /// <summary>A negotiation that fails, or a client that vanishes, was the end of nbd-server, which served all from one process.</summary>
    [SkippableTheory]
    [MemberData(nameof(ServerCases.RawBackendNames), MemberType = typeof(ServerCases))]
    public void Cve2011_1925_Cve2013_7441_Cve2015_0847_AClientThatFailsHarmsItselfAlone(string backend)
    {
        HarnessServer server = servers.Of(backend);
        using RawNbd other = Enter(server);
        byte[][] beginnings =
        [
            [], Be(FixedNewstyle), Be(0x8000_0000u), [.. Be(FixedNewstyle), .. Option(Go, InfoData(""))[..9]], [.. Be(FixedNewstyle), .. Option(Go, [0xff])],
            [.. Be(FixedNewstyle), .. Option(Go, InfoData("")), .. Request(Write, 1, 0, 512)],
        ];
        foreach (byte[] beginning in beginnings)
        {
            using var client = new RawNbd(server);
            client.Send(beginning);
            client.ResetAtClose();
        }

        other.ExpectTransmission();
    }

    /// <summary>Replies to a client that was gone raised SIGPIPE, which ended qemu-nbd.</summary>
    [SkippableTheory]
    [InlineData(HarnessServer.Unix)]
    [InlineData(HarnessServer.Tcp)]
    public void Cve2017_10664_ReplyToAClientThatIsGone(string transport)
    {
        using HarnessServer server = HarnessServer.Start(ServerCases.RawBackends[^1], transport, "delay:read=20ms/memory:16M");
        using (RawNbd client = Enter(server))
        {
            client.Send([.. Enumerable.Range(0, 64).Select(i => Request(Read, (ulong)i, 0, 65536))]);
            client.ResetAtClose();
        }

        // The delay has passed for the others before it has for this one.
        using RawNbd next = Enter(server);
        next.Send(Request(Read, 1, 0, 512));
        next.ExpectReply(1, 0);
        next.Receive(512);
        next.ExpectTransmission();
    }

    /// <summary>A request that came with the last option found qemu's client half made.</summary>
    [SkippableTheory]
    [MemberData(nameof(ServerCases.RawBackendNames), MemberType = typeof(ServerCases))]
    public void Cve2017_9524_RequestsInOneSegmentWithTheHandshake(string backend)
    {
        using var nbd = new RawNbd(servers.Of(backend));
        nbd.Send(Be(FixedNewstyle | NoZeroes), Option(Go, InfoData("")), Request(Read, 7, 0, 16), Request(Disc, 8, 0, 0));
        nbd.ExpectInfos(Go);
        nbd.ExpectReply(7, 0);
        nbd.Receive(16);
        nbd.ExpectDrop();
    }

    /// <summary>qemu-nbd touched clients that had not negotiated yet after it had let go of them, when it ended.</summary>
    [SkippableTheory]
    [MemberData(nameof(ServerCases.RawBackendNames), MemberType = typeof(ServerCases))]
    public void Cve2024_7409_AServerThatEndsWhileClientsNegotiate(string backend)
    {
        using HarnessServer server = HarnessServer.Start(backend, block: "memory:1M");
        byte[] handshake = [.. Be(FixedNewstyle | NoZeroes), .. Option(List, []), .. Option(Go, InfoData(""))];
        List<RawNbd> clients = [];
        for (int length = 0; length < handshake.Length; length += 5)
        {
            var client = new RawNbd(server);
            client.Send(handshake[..length]);
            clients.Add(client);
        }

        server.Stop();
        clients.ForEach(client => client.Dispose());
    }

    /// <summary>nbdkit was one off with extents of 2^32 - 1 bytes, and its blocksize filter rounded such lengths up to none at all.</summary>
    [SkippableFact]
    public void Cve2025_47711_Cve2025_47712_LengthsOf2To32Minus1ThroughAFilterThatRounds()
    {
        Skip.If(HarnessServer.IsForeign, "the filter is ours");
        const uint Length = uint.MaxValue;
        using HarnessServer server = HarnessServer.Start(ServerCases.RawBackends[^1], block: "blocksize:minimum=4k/memory:5G");
        using var nbd = new RawNbd(server);
        byte[] context = [.. Be(0u), .. Be(1u), .. Be((uint)"base:allocation".Length), .. "base:allocation"u8];
        nbd.Send(Be(FixedNewstyle | NoZeroes), Option(StructuredReply, []), Option(SetMetaContext, context), Option(Go, InfoData("")));
        nbd.Expect(StructuredReply, RepAck);
        nbd.Expect(SetMetaContext, RepMetaContext);
        nbd.Expect(SetMetaContext, RepAck);
        nbd.ExpectInfos(Go);
        byte[] around = [0xa1, 0xa2];
        nbd.Send(Request(Write, 1, Length - 1, 2), around);
        nbd.ExpectReply(1, 0);
        nbd.Send(Request(BlockStatus, 2, 0, Length));
        Assert.Equal(Length, ExtentBytes(nbd));
        nbd.Send(Request(Trim, 3, 0, Length));
        nbd.ExpectReply(3, 0);
        nbd.Send(Request(Read, 4, Length - 1, 2));
        nbd.ExpectChunk(extended: false, 4, Length - 1, type: 1, isLast: true, [.. Be((ulong)Length - 1), .. around]);
        nbd.Send(Request(WriteZeroes, 5, 0, Length));
        nbd.ExpectReply(5, 0);
        nbd.Send(Request(Read, 6, Length - 1, 2));
        nbd.ExpectChunk(extended: false, 6, Length - 1, type: 1, isLast: true, [.. Be((ulong)Length - 1), 0, 0xa2]);
    }

    /// <summary>nbdkit opened its backend for whoever connected, so that a client that said nothing cost a connection to somebody else.</summary>
    [SkippableTheory]
    [MemberData(nameof(ServerCases.RawBackendNames), MemberType = typeof(ServerCases))]
    public void Cve2019_14850_NothingIsOpenedForAClientThatHasNotEntered(string backend)
    {
        Skip.If(HarnessServer.IsForeign, "where the foreign server keeps its files is not known here");
        using var folder = new TempDir();
        string disk = folder.File("disk");
        File.WriteAllBytes(disk, new byte[1 << 20]);
        using HarnessServer server = HarnessServer.Start(backend, HarnessServer.Unix, $"file:{disk}");

        using var client = new RawNbd(server);
        client.Send(Be(FixedNewstyle | NoZeroes), Option(List, []), Option(Info, InfoData("")));
        client.Expect(List, RepServer);
        client.Expect(List, RepAck);
        client.ExpectInfos(Info);
        Assert.DoesNotContain(disk, OpenFiles(server));

        client.Send(Option(Go, InfoData("")));
        client.ExpectInfos(Go);
        client.ExpectTransmission();
        Assert.Contains(disk, OpenFiles(server));
    }

    /// <summary>Takes a chunk of extents; returns what they cover.</summary>
    private static ulong ExtentBytes(RawNbd nbd)
    {
        byte[] header = nbd.Receive(20);
        Assert.Equal((1, 5), (U16(header, 4), U16(header, 6)));
        byte[] payload = nbd.Receive((int)U32(header, 16));
        ulong bytes = 0;
        for (int at = 4; at < payload.Length; at += 8)
        {
            Assert.NotEqual(0u, U32(payload, at));
            bytes += U32(payload, at);
        }

        return bytes;
    }

    private static List<string> OpenFiles(HarnessServer server) =>
        [.. Directory.EnumerateFiles($"/proc/{server.ProcessId}/fd").Select(fd => new FileInfo(fd).LinkTarget ?? string.Empty)];

    private static RawNbd Enter(HarnessServer server)
    {
        var nbd = new RawNbd(server);
        nbd.Send(Be(FixedNewstyle | NoZeroes), Option(Go, InfoData("")));
        nbd.ExpectInfos(Go);
        return nbd;
    }
}
