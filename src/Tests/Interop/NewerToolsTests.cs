using System.Text.Json;

namespace Harness.Tests;

/// <summary>Extended headers with libnbd's and QEMU's own programs, those of Debian 13 and later: 64-bit lengths, extents and a choice of contexts.</summary>
public sealed class NewerToolsTests
{
    private const long Gib = 1L << 30;

    [SkippableTheory]
    [MemberData(nameof(ServerCases.FewBackendNames), MemberType = typeof(ServerCases))]
    public void Nbdinfo_agrees_on_extended_headers_and_maps_what_32_bits_cannot_say(string backend)
    {
        using HarnessServer server = HarnessServer.Start(backend, block: "null:64G");
        Assert.Contains("using extended packets", NewerTools.Run("nbdinfo", server.Uri).Succeeded().Output, StringComparison.Ordinal);
        NewerTools.Run("nbdinfo", "--has", "extended-headers", server.Uri).Succeeded();
        NewerTools.Run("nbdinfo", "--can", "block-status-payload", server.Uri).Succeeded();
        using var map = JsonDocument.Parse(NewerTools.Run("nbdinfo", "--map", "--json", server.Uri).Succeeded().Output);
        JsonElement all = Assert.Single(map.RootElement.EnumerateArray());
        Assert.Equal((64 * Gib, 3), (all.GetProperty("length").GetInt64(), all.GetProperty("type").GetInt32()));

        // Who offers less gets less.
        using HarnessServer older = HarnessServer.Start(backend, block: "null:64G", more: ["--replies", "structured"]);
        Assert.Equal(2, NewerTools.Run("nbdinfo", "--has", "extended-headers", older.Uri).ExitCode);
    }

    [SkippableTheory]
    [MemberData(nameof(ServerCases.FewBackendNames), MemberType = typeof(ServerCases))]
    public void Nbdsh_zeroes_trims_and_asks_for_more_than_4_GiB_at_a_time(string backend)
    {
        using HarnessServer server = HarnessServer.Start(backend, block: "memory:16G");
        NewerTools.Nbdsh(server.Uri, """
            assert h.get_extended_headers_negotiated()
            far = 9 * 2**30
            h.pwrite(b"x" * 4096, far)
            h.pwrite(b"y" * 4096, 0)
            h.zero(far, 0, nbd.CMD_FLAG_FAST_ZERO)
            assert h.pread(4096, 0) == bytes(4096) and h.pread(4096, far) == b"x" * 4096
            extents = []
            h.block_status_64(h.get_size(), 0, lambda context, offset, entries, error: extents.extend(entries))
            assert extents == [(far, 3), (4096, 0), (h.get_size() - far - 4096, 3)], extents
            extents.clear()
            h.block_status_filter(h.get_size(), 0, ["base:allocation"], lambda context, offset, entries, error: extents.extend(entries))
            assert len(extents) == 3, extents
            chunks = []
            def chunk(data, offset, status, error):
                chunks.append((offset, len(data), status))
            assert h.pread_structured(2**20, far - 2**19, chunk) == bytes(2**19) + b"x" * 4096 + bytes(2**19 - 4096)
            assert [c[2] for c in chunks] == [nbd.READ_HOLE, nbd.READ_DATA, nbd.READ_HOLE], chunks
            h.trim(h.get_size(), 0)
            h.cache(h.get_size(), 0)
            assert h.pread(4096, far) == bytes(4096)
            h.set_strict_mode(0)
            def answer(request):
                try:
                    request()
                    return "ok"
                except nbd.Error as error:
                    return error.errno
            assert answer(lambda: h.zero(h.get_size(), 1)) == "ENOSPC"
            assert answer(lambda: h.trim(h.get_size(), 1)) == "EINVAL"
            assert answer(lambda: h.pread(512, h.get_size() - 511)) == "EINVAL"
            assert answer(lambda: h.pwrite(b"z" * 512, h.get_size() - 511)) == "ENOSPC"
            assert answer(lambda: h.pread(512, 0, 0x8000)) == "EINVAL"
            assert answer(h.flush) == "ok"
            """).Succeeded();
    }

    [SkippableTheory]
    [MemberData(nameof(ServerCases.FewBackendNames), MemberType = typeof(ServerCases))]
    public void What_nbdcopy_and_qemu_bring_in_they_get_back(string backend)
    {
        using var folder = new TempDir();
        var (sent, received) = (folder.File("sent"), folder.File("received"));
        RandomFile.Write(sent, 8 << 20, seed: 51);
        using (FileStream file = File.OpenWrite(sent))
        {
            file.SetLength(6 * Gib);
        }

        using HarnessServer server = HarnessServer.Start(backend, block: "memory:6G", more: ["--loops", "2"]);
        NewerTools.Run("nbdcopy", "--destination-is-zero", "--connections=4", "--requests=32", "--flush", sent, server.Uri).Succeeded();
        NewerTools.Run("qemu-img", "compare", "-f", "raw", "-F", "raw", sent, server.Uri).Succeeded();
        NewerTools.Run("nbdcopy", "--connections=4", server.Uri, received).Succeeded();
        NewerTools.Run("qemu-img", "compare", "-f", "raw", "-F", "raw", sent, received).Succeeded();
        NewerTools.Run("qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", "-W", "-m", "16", sent, server.Uri).Succeeded();
        NewerTools.Run("qemu-img", "compare", "-f", "raw", "-F", "raw", sent, server.Uri).Succeeded();
        using var map = JsonDocument.Parse(NewerTools.Run("qemu-img", "map", "-f", "raw", "--output=json", server.Uri).Succeeded().Output);
        Assert.Equal(6 * Gib, map.RootElement.EnumerateArray().Sum(extent => extent.GetProperty("length").GetInt64()));
        string[] commands =
        [
            "write -P 0xab 5G 64k", "read -P 0xab 5G 64k", "write -z -n 0 5G", "read -P 0 0 1M", "read -P 0xab 5G 64k", "write -z -u 5G 512M",
            "read -P 0 5G 64k", "write -f -P 0xcd 1M 64k", "read -P 0xcd 1M 64k", "discard 0 1G", "read -P 0 5G 64k", "flush",
        ];
        ToolResult io = NewerTools.Run("qemu-io", ["-f", "raw", .. commands.SelectMany(command => new[] { "-c", command }), server.Uri]).Succeeded();
        Assert.False(io.Output.Contains("failed", StringComparison.OrdinalIgnoreCase), io.ToString());
    }

    [SkippableFact]
    public void Through_a_chain_of_two_servers_extended_headers_are_as_good()
    {
        using HarnessServer behind = HarnessServer.Start("epoll", block: "memory:8G");
        using HarnessServer front = HarnessServer.Start("uring", block: $"nbd:{behind.Uri}", more: ["--loops", "2"]);
        NewerTools.Nbdsh(front.Uri, """
            far = 5 * 2**30
            h.pwrite(b"x" * 4096, far)
            h.zero(far, 0)
            extents = []
            h.block_status_64(h.get_size(), 0, lambda context, offset, entries, error: extents.extend(entries))
            assert extents[0] == (far, 3) and sum(entry[0] for entry in extents) == h.get_size(), extents
            """).Succeeded();
    }

    /// <summary>And the other way: our client asks theirs.</summary>
    [SkippableFact]
    public void Our_client_agrees_with_qemu_nbd_on_extended_headers()
    {
        using var folder = new TempDir();
        string disk = folder.File("disk");
        Ext2Image.Sparse(disk, 64 << 20);
        using ForeignServer server = ForeignServer.OnSocket(
            NewerTools.Loader(), socket => [.. NewerTools.Arguments("qemu-nbd"), "-t", "-e", "16", "-f", "raw", "--discard=unmap", "-k", socket, disk]);
        string[] load = ["--rw", "mix:50", "--connections", "4", "--depth", "16", "--ops", "5000", "--verify", "--json", "-"];
        using var json = JsonDocument.Parse(Tool.Run(HarnessServer.Program, ["load", server.Uri, "--replies", "extended", .. load]).Succeeded().Output);
        Assert.Equal("extended", json.RootElement.GetProperty("replies").GetString());
        Assert.Equal(0, json.RootElement.GetProperty("errors").GetInt64());
    }
}
