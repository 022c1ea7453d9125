using System.Text.Json;
using Harness.Io;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>Other people's programs on every store: what they are told of it, what they bring in and out, and what they verify themselves.</summary>
public sealed class StoreToolsTests : IDisposable
{
    private const int Bytes = 16 << 20;

    private static readonly Dictionary<string, string?> DebianPython = new() { ["PATH"] = $"/usr/bin:{Environment.GetEnvironmentVariable("PATH")}" };

    /// <summary>Of each store, what of TRIM, WRITE_ZEROES, FAST_ZERO and CACHE it has; the first ones are to be written.</summary>
    private static readonly Dictionary<string, string[]> s_abilities = new()
    {
        ["memory"] = ["trim", "zero", "fast-zero", "cache"],
        ["file"] = ["trim", "zero", "fast-zero", "cache"],
        ["file-direct"] = ["trim", "zero", "fast-zero"],
        ["ext2"] = ["trim", "zero", "fast-zero"],
        ["nbd"] = ["trim", "zero", "fast-zero", "cache"],
        ["null"] = ["trim", "zero", "fast-zero", "cache"],
        ["pattern"] = [],
    };

    private readonly TempDir _folder = new();
    private readonly List<IDisposable> _servers = [];

    public static TheoryData<string, string> AllStores => OnBackends([.. s_abilities.Keys]);

    public static TheoryData<string, string> StoresThatKeep => OnBackends([.. s_abilities.Keys.Where(store => store is not ("null" or "pattern"))]);

    public void Dispose()
    {
        _servers.Reverse();
        _servers.ForEach(server => server.Dispose());
        _folder.Dispose();
    }

    [SkippableTheory]
    [MemberData(nameof(AllStores))]
    public void Nbdinfo_is_told_what_the_store_can_and_gets_a_map_of_all_of_it(string store, string backend)
    {
        string nbdinfo = Requires.Tool("nbdinfo");
        string uri = Serve(store, backend);
        string[] can = ["connect", "read", "write", "flush", "fua", "multi-conn", "df", "structured-reply", .. s_abilities[store]];
        foreach (string ability in can.Union(["trim", "zero", "fast-zero", "cache"]))
        {
            ToolResult answer = Tool.Run(nbdinfo, "--can", ability, uri);
            Assert.True(answer.ExitCode == (can.Contains(ability) ? 0 : 2), answer.ToString());
        }

        Assert.Equal(2, Tool.Run(nbdinfo, "--is", "read-only", uri).ExitCode);
        Assert.Equal($"{Bytes}", Tool.Run(nbdinfo, "--size", uri).Succeeded().Output.Trim());
        using var map = JsonDocument.Parse(Tool.Run(nbdinfo, "--map", "--json", uri).Succeeded().Output);
        Assert.Equal(Bytes, map.RootElement.EnumerateArray().Sum(extent => extent.GetProperty("length").GetInt64()));
        using var list = JsonDocument.Parse(Tool.Run(nbdinfo, "--list", "--json", uri).Succeeded().Output);
        Assert.Equal(Bytes, Assert.Single(list.RootElement.GetProperty("exports").EnumerateArray()).GetProperty("export-size").GetInt64());
    }

    [SkippableTheory]
    [MemberData(nameof(StoresThatKeep))]
    public void What_nbdcopy_has_brought_in_is_dumped_and_copied_out(string store, string backend)
    {
        var (nbdcopy, nbddump) = (Requires.Tool("nbdcopy"), Requires.Tool("nbddump"));
        string uri = Serve(store, backend);
        var (sent, received) = (_folder.File("sent"), _folder.File("received"));
        byte[] head = Wire.Data(1, 3_000_000);
        using (FileStream file = File.Create(sent))
        {
            file.Write(head);
            file.Position = 9_000_001;
            file.Write(Wire.Data(2, 100_000));
            file.SetLength(Bytes);
        }

        Tool.Run(nbdcopy, "--destination-is-zero", "--connections=4", "--requests=32", "--flush", sent, uri).Succeeded();
        Tool.Run(nbdcopy, "--connections=4", uri, received).Succeeded();
        RandomFile.AssertSame(sent, received);
        Assert.Contains(Hex(head[..16]), Tool.Run(nbddump, "--length=64", uri).Succeeded().Output, StringComparison.Ordinal);
    }

    [SkippableTheory]
    [MemberData(nameof(StoresThatKeep))]
    public void Qemu_converts_compares_maps_and_reads_its_patterns(string store, string backend)
    {
        var (qemuImg, qemuIo) = (Requires.Tool("qemu-img"), Requires.Tool("qemu-io"));
        string uri = Serve(store, backend);
        string disk = _folder.File("sent");
        RandomFile.Write(disk, Bytes / 2, seed: 3);
        using (FileStream file = File.OpenWrite(disk))
        {
            file.SetLength(Bytes);
        }

        Tool.Run(qemuImg, "convert", "-n", "-f", "raw", "-O", "raw", "-W", "-m", "16", disk, uri).Succeeded();
        Tool.Run(qemuImg, "compare", "-f", "raw", "-F", "raw", disk, uri).Succeeded();
        Assert.Equal(Bytes, MappedBytes(qemuImg, uri));
        string[] commands =
        [
            "write -P 0xab 4k 8k", "read -P 0xab 4k 8k", "write -P 0x11 1048577 513", "read -P 0x11 1048577 513", "write -P 0x5a 4M 8M", "read -P 0x5a 4M 8M",
            $"write -f -P 0xcd {Bytes - 1} 1", $"read -P 0xcd {Bytes - 1} 1", "write -z 5M 64k", "read -P 0 5M 64k", "write -z -u 6M 64k", "read -P 0 6M 64k",
            "discard 7M 1M", "read -P 0x5a 8M 64k", "flush",
        ];
        var result = Tool.Run(qemuIo, ["-f", "raw", .. commands.SelectMany(command => new[] { "-c", command }), uri]).Succeeded();
        Assert.False(result.Output.Contains("failed", StringComparison.OrdinalIgnoreCase), result.ToString());
    }

    [SkippableTheory]
    [MemberData(nameof(StoresThatKeep))]
    public void Fio_finds_what_it_wrote(string store, string backend)
    {
        string fio = Requires.Tool("fio");
        Skip.IfNot(Tool.Run(fio, "--enghelp").Output.Contains("nbd", StringComparison.Ordinal), "this fio is built without its nbd engine");
        Tool.Run(
            fio, "--name=verify", "--ioengine=nbd", $"--uri={Serve(store, backend)}", "--rw=randrw", "--bs=4k", "--iodepth=32",
            $"--size={TestScale.Pick("4M", "16M")}", "--verify=crc32c", "--verify_fatal=1", "--verify_state_save=0", "--output-format=terse").Succeeded();
    }

    [SkippableTheory]
    [MemberData(nameof(StoresThatKeep))]
    public void Nbdsh_is_answered_alike_by_every_store(string store, string backend)
    {
        // What may differ from store to store is what is left after a TRIM, and where an extent ends.
        Nbdsh(Serve(store, backend), """
            h.pwrite(b"x" * 70000, 1000, nbd.CMD_FLAG_FUA)
            assert h.pread(72000, 0) == bytes(1000) + b"x" * 70000 + bytes(1000)
            h.zero(8192, 4097)
            h.zero(8192, 20001, nbd.CMD_FLAG_NO_HOLE | nbd.CMD_FLAG_FUA)
            assert h.pread(8194, 4096) == b"x" + bytes(8192) + b"x" and h.pread(8194, 20000) == b"x" + bytes(8192) + b"x"
            h.trim(16384, 40000)
            assert h.pread(2, 39998) == b"xx" and h.pread(2, 56384) == b"xx"
            chunks, extents = [], []
            assert h.pread_structured(h.get_size() // 2, 0, lambda *chunk: chunks.append(chunk[2])) [:1001] == bytes(1000) + b"x"
            assert all(status in (nbd.READ_DATA, nbd.READ_HOLE) for status in chunks), chunks
            h.block_status(h.get_size() // 2, 0, lambda context, offset, entries, error: extents.extend(entries))
            assert sum(extents[0::2]) == h.get_size() // 2, extents
            if h.can_cache():
                h.cache(65536, 0)
            try:
                h.zero(1 << 20, 1 << 20, nbd.CMD_FLAG_FAST_ZERO)
                assert h.pread(1 << 20, 1 << 20) == bytes(1 << 20)
            except nbd.Error as error:
                assert error.errno == "ENOTSUP", error
            h.set_strict_mode(0)
            for request, errno in ((lambda: h.pread(2, h.get_size() - 1), "EINVAL"), (lambda: h.pwrite(b"xy", h.get_size() - 1), "ENOSPC"),
                                   (lambda: h.pread(512, 0, 0x8000), "EINVAL")):
                try:
                    request()
                    raise AssertionError("it was served")
                except nbd.Error as error:
                    assert error.errno == errno, error
            h.flush()
            """);
    }

    [SkippableTheory]
    [InlineData("null", "epoll")]
    [InlineData("pattern", "uring")]
    public void What_cannot_be_written_is_read_by_all(string store, string backend)
    {
        var (nbdcopy, nbddump, qemuImg, qemuIo) = (Requires.Tool("nbdcopy"), Requires.Tool("nbddump"), Requires.Tool("qemu-img"), Requires.Tool("qemu-io"));
        string uri = Serve(store, backend);
        byte[] all = new byte[Bytes];
        for (int at = 0; store == "pattern" && at < Bytes; at += 8)
        {
            System.Buffers.Binary.BinaryPrimitives.WriteInt64BigEndian(all.AsSpan(at), at);
        }

        string received = _folder.File("received");
        Tool.Run(nbdcopy, "--connections=4", uri, received).Succeeded();
        Assert.True(all.AsSpan().SequenceEqual(File.ReadAllBytes(received)));
        Assert.Contains(Hex(all[..16]), Tool.Run(nbddump, "--length=64", uri).Succeeded().Output, StringComparison.Ordinal);
        Tool.Run(qemuImg, "compare", "-f", "raw", "-F", "raw", received, uri).Succeeded();
        Assert.Equal(Bytes, MappedBytes(qemuImg, uri));

        // null forgets what it is given, and pattern takes only what it has.
        ToolResult write = Tool.Run(qemuIo, "-f", "raw", "-c", "write -P 0xab 64k 4k", uri);
        Assert.Equal(store == "pattern", write.Output.Contains("Input/output error", StringComparison.Ordinal) || write.ExitCode != 0);
        Nbdsh(uri, "h.pread(65536, 12345)\nh.flush()\nassert h.pread(8, 4096) in (bytes(8), b'\\0' * 6 + b'\\x10\\0')");
    }

    /// <summary>In short each store on one backend of the two kinds in turn, in full on all.</summary>
    private static TheoryData<string, string> OnBackends(string[] stores)
    {
        var data = new TheoryData<string, string>();
        for (int i = 0; i < stores.Length; i++)
        {
            foreach (string backend in TestScale.Full ? LoopBackends.All : ["epoll", "uring"])
            {
                if (TestScale.Full || backend == (i % 2 == 0 ? "uring" : "epoll"))
                {
                    data.Add(stores[i], backend);
                }
            }
        }

        return data;
    }

    /// <summary>A line of nbddump's, whose two halves stand apart.</summary>
    private static string Hex(byte[] bytes) => $"{string.Join(' ', bytes[..8].Select(b => $"{b:x2}"))}  {string.Join(' ', bytes[8..].Select(b => $"{b:x2}"))}";

    private static long MappedBytes(string qemuImg, string uri)
    {
        using var map = JsonDocument.Parse(Tool.Run(qemuImg, "map", "-f", "raw", "--output=json", uri).Succeeded().Output);
        return map.RootElement.EnumerateArray().Sum(extent => extent.GetProperty("length").GetInt64());
    }

    private static void Nbdsh(string uri, string script)
    {
        var result = Tool.Run(Requires.Tool("nbdsh"), ["--base-allocation", "-u", uri, "-c", script], DebianPython);
        Skip.If(result.Errors.Contains("No module named", StringComparison.Ordinal), "nbdsh finds no python3 with the nbd module (Debian package python3-libnbd)");
        result.Succeeded();
    }

    /// <summary>A server of <see cref="Bytes"/> on a store, all zeroes where it keeps what it is given.</summary>
    private string Serve(string store, string backend)
    {
        Skip.If(HarnessServer.IsForeign, "the stores are ours");
        string disk = _folder.File("disk");
        if (store is "file" or "file-direct")
        {
            Ext2Image.Sparse(disk, Bytes);
        }

        string chain = store switch
        {
            "file" => $"file:{disk}",
            "file-direct" => Direct(disk),
            "ext2" => new Ext2Image(_folder, "-t ext4 -b 4096", "64M", tree => Ext2Image.Sparse(Path.Combine(tree, "disk"), Bytes)).Chain(),
            "nbd" => $"nbd:{Start("epoll", "memory:16M")}",
            _ => $"{store}:16M",
        };
        return Start(backend, chain);
    }

    private string Start(string backend, string chain)
    {
        HarnessServer server = HarnessServer.Start(backend, block: chain, more: ["--loops", "2"]);
        _servers.Add(server);
        return server.Uri;
    }

    /// <summary>Clients of a file past the page cache may ask for anything where the filter is before it.</summary>
    private static string Direct(string disk)
    {
        string chain = $"blocksize/file-direct:{disk}";
        try
        {
            BlockChain.Parse(chain).Dispose();
            return chain;
        }
        catch (BlockException e)
        {
            throw new SkipException(e.Message);
        }
    }
}
