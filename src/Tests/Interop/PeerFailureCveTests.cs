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
