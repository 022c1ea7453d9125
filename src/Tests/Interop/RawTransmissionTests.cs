using Harness.Nbd;
using static Harness.Tests.RawNbd;

namespace Harness.Tests;

/// <summary>Requests that no library lets a client send, each with the answer that it must get (proto.md, transmission phase).</summary>
public class RawTransmissionTests(RawServers servers) : IClassFixture<RawServers>
{
    private const uint ExportBytes = 16 << 20;

    /// <summary>No test of the class writes behind this byte, so that there are zeroes.</summary>
    private const ulong Untouched = 1 << 20;

    /// <summary>Each case gets a connection in transmission; where it does not drop, the connection must live after it.</summary>
    private static readonly Dictionary<string, Action<RawNbd>> LivingCases = new()
    {
        ["an unknown command is EINVAL"] = nbd =>
        {
            nbd.Send(Request(99, 1, 0, 512));
            nbd.ExpectReply(1, EINVAL);
            nbd.Send(Request(0xffff, 2, 0, 0));
            nbd.ExpectReply(2, EINVAL);
        },
        ["an unknown flag of a WRITE is EINVAL and its data is consumed"] = nbd =>
        {
            nbd.Send(Request(Write, 1, 0, 512, flags: 0x4000), new byte[512]);
            nbd.ExpectReply(1, EINVAL);
        },
        ["an unknown flag of any other command is EINVAL too"] = nbd =>
        {
            ushort[] commands = [Read, Flush, Trim, WriteZeroes];
            foreach (ushort command in commands)
            {
                nbd.Send(Request(command, command, 0, command == Flush ? 0u : 512, flags: 0x8000));
                nbd.ExpectReply(command, EINVAL);
            }
        },
        ["FLUSH with an offset or a length is EINVAL"] = nbd =>
        {
            nbd.Send(Request(Flush, 1, 512, 0));
            nbd.ExpectReply(1, EINVAL);
            nbd.Send(Request(Flush, 2, 0, 512));
            nbd.ExpectReply(2, EINVAL);
            nbd.Send(Request(Flush, 3, 0, 0));
            nbd.ExpectReply(3, 0);
        },
        ["READ of nearly 4 GiB is refused"] = nbd =>
        {
            nbd.Send(Request(Read, 1, 0, 0xffff_ffff));
            nbd.ExpectReply(1, EINVAL, EOVERFLOW);
        },
        ["READ of more than the largest payload is EOVERFLOW, and a WRITE of more is EINVAL with its data consumed"] = nbd =>
        {
            nbd.Send(Request(Read, 1, 0, (32 << 20) + 1));
            nbd.ExpectReply(1, EINVAL, EOVERFLOW);
            nbd.Send(Request(Write, 2, 0, (32 << 20) + 1), new byte[(32 << 20) + 1]);
            nbd.ExpectReply(2, EINVAL, ENOSPC);
        },
        ["READ across the end, at it and far behind it is EINVAL"] = nbd =>
        {
            ulong[] offsets = [ExportBytes - 1, ExportBytes, 1ul << 63];
            foreach (ulong offset in offsets)
            {
                nbd.Send(Request(Read, offset, offset, 2));
                nbd.ExpectReply(offset, EINVAL);
            }
        },
        ["READ with FUA is served"] = nbd =>
        {
            nbd.Send(Request(Read, 1, 0, 16, flags: 1));
            nbd.ExpectReply(1, 0);
            nbd.Receive(16);
        },
        ["a request of no bytes succeeds"] = nbd =>
        {
            ushort[] commands = [Read, Write, Trim, WriteZeroes];
            foreach (ushort command in commands)
            {
                nbd.Send(Request(command, command, 512, 0));
                nbd.ExpectReply(command, HarnessServer.IsForeign ? [0, EINVAL, ENOSPC] : [0]);
            }
        },
        ["a flag of another command is EINVAL, and data is consumed"] = nbd =>
        {
            nbd.Send(Request(Write, 1, 0, 512, flags: 2), new byte[512]);
            nbd.ExpectReply(1, EINVAL);
            nbd.Send(Request(Read, 2, 0, 512, flags: 0x10));
            nbd.ExpectReply(2, EINVAL);
        },
        ["DF and BLOCK_STATUS without structured replies are EINVAL"] = nbd =>
        {
            nbd.Send(Request(Read, 1, 0, 512, flags: 4));
            nbd.ExpectReply(1, EINVAL);
            nbd.Send(Request(BlockStatus, 2, 0, 512));
            nbd.ExpectReply(2, EINVAL);
        },
        ["TRIM beyond the end is EINVAL, WRITE_ZEROES beyond it ENOSPC"] = nbd =>
        {
            nbd.Send(Request(Trim, 1, ExportBytes, 1));
            nbd.ExpectReply(1, EINVAL);
            nbd.Send(Request(WriteZeroes, 2, 0, ExportBytes + 1));
            nbd.ExpectReply(2, ENOSPC);
        },
        ["TRIM and WRITE_ZEROES of nearly 4 GiB are refused as out of range"] = nbd =>
        {
            nbd.Send(Request(Trim, 1, 0, 0xffff_ffff), Request(WriteZeroes, 2, 0, 0xffff_ffff));
            (ulong, uint)[] replies = [.. Enumerable.Range(0, 2).Select(_ => nbd.Reply()).Order()];
            Assert.Equal([(1ul, EINVAL), (2, ENOSPC)], replies);
        },
        ["a range that wraps around 2^64 is refused"] = nbd =>
        {
            nbd.Send(Request(Read, 1, ulong.MaxValue, 2));
            nbd.ExpectReply(1, EINVAL);
            nbd.Send(Request(Write, 2, ulong.MaxValue, 2), new byte[2]);
            nbd.ExpectReply(2, ENOSPC);
        },
        ["a WRITE beyond the end has its data consumed before the next request"] = nbd =>
        {
            nbd.Send(Request(Write, 1, ExportBytes - 512, 100_000), new byte[100_000], Request(Flush, 2, 0, 0));
            // Two requests in flight may be answered in either order.
            var replies = new Dictionary<ulong, uint>();
            for (var i = 0; i < 2; i++)
            {
                var (cookie, error) = nbd.Reply();
                replies.Add(cookie, error);
            }
            Assert.Equal(new Dictionary<ulong, uint> { [1] = ENOSPC, [2] = 0 }, replies);
        },
        ["cookies are opaque and come back as they were"] = nbd =>
        {
            foreach (var cookie in new ulong[] { 0, ulong.MaxValue, 0x8000_0000_0000_0000, 0x6744_6698_2560_9513 })
            {
                nbd.Send(Request(Read, cookie, 0, 1));
                nbd.ExpectReply(cookie, 0);
                nbd.Receive(1);
            }
        },
        ["a thousand requests in one segment are all answered"] = nbd =>
        {
            const int Count = 1000;
            nbd.Send([.. Enumerable.Range(0, Count).Select(i => Request(Read, (ulong)i, Untouched + ((ulong)i * 512), 16))]);
            ExpectReads(nbd, Count);
        },
    };

    private static readonly Dictionary<string, Action<RawNbd>> DroppingCases = new()
    {
        ["a wrong request magic drops"] = nbd =>
        {
            nbd.Send(Be(RequestMagic ^ 1), new byte[24]);
            nbd.ExpectDrop();
        },
        ["a WRITE of nearly 4 GiB drops"] = nbd =>
        {
            nbd.Send(Request(Write, 1, 0, 0xffff_ffff), new byte[512]);
            nbd.ExpectDrop();
        },
        ["DISC closes after every request in flight is answered"] = nbd =>
        {
            Skip.If(HarnessServer.IsForeign, "nbdkit answers some of the requests before DISC with ESHUTDOWN (seen)");
            const int Count = 64;
            nbd.Send([.. Enumerable.Range(0, Count).Select(i => Request(Read, (ulong)i, Untouched + ((ulong)i * 512), 16)), Request(Disc, 99, 0, 0)]);
            ExpectReads(nbd, Count);
            nbd.ExpectDrop();
        },
    };

    public static TheoryData<string, string> Living => OnBackends(LivingCases.Keys);

    public static TheoryData<string, string> Dropping => OnBackends(DroppingCases.Keys);

    [SkippableTheory]
    [MemberData(nameof(Living))]
    public void Answered(string backend, string name)
    {
        HarnessServer server = servers.Of(backend);
        using var nbd = Enter(server);

        LivingCases[name](nbd);

        nbd.ExpectTransmission();
    }

    [SkippableTheory]
    [MemberData(nameof(Dropping))]
    public void Dropped(string backend, string name)
    {
        HarnessServer server = servers.Of(backend);
        using (var nbd = Enter(server))
        {
            DroppingCases[name](nbd);
        }

        using var next = Enter(server);
        next.ExpectTransmission();
    }

    [SkippableTheory]
    [MemberData(nameof(ServerCases.RawBackendNames), MemberType = typeof(ServerCases))]
    public void A_read_only_export_answers_changes_with_EPERM(string backend)
    {
        using RawNbd nbd = Enter(servers.Of(backend, "--read-only"));
        nbd.Send(Request(Write, 1, 0, 512), new byte[512], Request(Trim, 2, 0, 512), Request(WriteZeroes, 3, 0, 512));
        (ulong, uint)[] replies = [.. Enumerable.Range(0, 3).Select(_ => nbd.Reply()).Order()];
        Assert.Equal([(1ul, EPERM), (2, EPERM), (3, EPERM)], replies);
        nbd.Send(Request(Read, 4, 0, 4));
        nbd.ExpectReply(4, 0);
        Assert.Equal(new byte[4], nbd.Receive(4));
    }

    /// <summary>A client that has not asked for the block sizes may still ask for anything: it gets an error, and its data is consumed.</summary>
    [SkippableTheory]
    [MemberData(nameof(ServerCases.RawBackendNames), MemberType = typeof(ServerCases))]
    public void What_is_unaligned_to_the_smallest_block_is_EINVAL(string backend)
    {
        Skip.If(HarnessServer.IsForeign, "the foreign server serves it");
        using var folder = new TempDir();
        string file = folder.File("disk");
        File.WriteAllBytes(file, new byte[1 << 20]);
        using HarnessServer server = StartDirect(backend, file);
        using RawNbd nbd = Enter(server);
        ushort[] commands = [Read, Write, Trim, WriteZeroes];
        ulong cookie = 0;
        foreach (ushort command in commands)
        {
            foreach ((ulong offset, uint length) in new[] { (1ul, 4096u), (0ul, 4095u), (0ul, 1u), (4095ul, 1u), (1ul, 4095u), ((1ul << 20) - 1, 1u) })
            {
                nbd.Send(Request(command, ++cookie, offset, length), command == Write ? [.. Enumerable.Repeat((byte)0xff, (int)length)] : []);
                nbd.ExpectReply(cookie, EINVAL);
            }
        }

        byte[] data = [.. Enumerable.Range(0, 4096).Select(i => (byte)i)];
        nbd.Send(Request(Write, 100, 4096, 4096), data);
        nbd.ExpectReply(100, 0);
        nbd.Send(Request(Read, 101, 0, 8192));
        nbd.ExpectReply(101, 0);
        Assert.Equal([.. new byte[4096], .. data], nbd.Receive(8192));
    }

    [SkippableTheory]
    [MemberData(nameof(ServerCases.RawBackendNames), MemberType = typeof(ServerCases))]
    public void Requests_may_come_byte_by_byte(string backend)
    {
        HarnessServer server = servers.Of(backend);
        using var nbd = Enter(server, byteByByte: true);
        nbd.ExpectTransmission();
    }

    [SkippableTheory]
    [MemberData(nameof(ServerCases.RawBackendNames), MemberType = typeof(ServerCases))]
    public void A_client_that_leaves_within_a_huge_WRITE_harms_nobody(string backend)
    {
        HarnessServer server = servers.Of(backend);
        foreach (var length in new uint[] { 512, 32 << 20, 0x7fff_ffff, 0xffff_ffff })
        {
            using var leaving = Enter(server);
            leaving.Send(Request(Write, 1, 0, length), new byte[100]);
        }

        using var nbd = Enter(server);
        nbd.ExpectTransmission();
    }

    [SkippableTheory]
    [MemberData(nameof(ServerCases.RawBackendNames), MemberType = typeof(ServerCases))]
    public void Large_writes_in_a_row_keep_their_bytes_wherever_the_stream_is_cut(string backend)
    {
        HarnessServer server = servers.Of(backend);
        using var nbd = Enter(server);

        // Two that get buffers of their own, a small one that does not, and one that does again: each behind the one before it, in the stream and on the disk.
        int[] sizes = [200_000, 70_001, 512, 300_000];
        byte[] data = new byte[sizes.Sum()];
        int[] offsets = [.. sizes.Select((_, i) => sizes[..i].Sum())];
        int[] headers = [.. offsets.Select((offset, i) => offset + (i * 28))];
        int[] around = [-1, 0, 1, 27, 28, 29];
        foreach (int cut in headers.SelectMany(header => around.Select(more => header + more)).Where(cut => cut > 0))
        {
            new Random(cut).NextBytes(data);
            byte[] Whole(int i) => [.. Request(Write, (ulong)i, (ulong)offsets[i], (uint)sizes[i]), .. data.AsSpan(offsets[i], sizes[i])];
            byte[] stream = [.. Enumerable.Range(0, sizes.Length).SelectMany(Whole)];
            nbd.Send(stream[..cut]);
            Thread.Sleep(2);
            nbd.Send(stream[cut..]);
            (ulong, uint)[] replies = [.. sizes.Select(_ => nbd.Reply()).Order()];
            Assert.Equal([(0, 0), (1, 0), (2, 0), (3, 0)], replies);
            nbd.Send(Request(Read, 9, 0, (uint)data.Length));
            nbd.ExpectReply(9, 0);
            Assert.True(data.AsSpan().SequenceEqual(nbd.Receive(data.Length)), $"cut at {cut}, other bytes came back");
        }
    }

    private static HarnessServer StartDirect(string backend, string file)
    {
        try
        {
            BlockChain.Parse($"file-direct:{file}").Dispose();
        }
        catch (BlockException e)
        {
            throw new SkipException(e.Message);
        }

        return HarnessServer.Start(backend, HarnessServer.Unix, $"file-direct:{file}");
    }

    private static RawNbd Enter(HarnessServer server, bool byteByByte = false)
    {
        var nbd = new RawNbd(server) { ByteByByte = byteByByte };
        nbd.Send(Be(FixedNewstyle | NoZeroes), Option(Go, InfoData("")));
        nbd.ExpectInfos(Go);
        return nbd;
    }

    private static void ExpectReads(RawNbd nbd, int count)
    {
        var cookies = new HashSet<ulong>();
        for (var i = 0; i < count; i++)
        {
            var (cookie, error) = nbd.Reply();
            Assert.Equal(0u, error);
            Assert.True(cookie < (ulong)count && cookies.Add(cookie), $"cookie {cookie} is a stranger or came twice");
            Assert.Equal(new byte[16], nbd.Receive(16));
        }
    }

    private static TheoryData<string, string> OnBackends(IEnumerable<string> names)
    {
        var data = new TheoryData<string, string>();
        foreach (var backend in ServerCases.RawBackends)
        {
            foreach (var name in names)
            {
                data.Add(backend, name);
            }
        }
        return data;
    }
}
