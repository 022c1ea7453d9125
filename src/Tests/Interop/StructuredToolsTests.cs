using System.Text.Json;
using Harness.Io;

namespace Harness.Tests;

/// <summary>
/// libnbd's and QEMU's programs, which ask for structured replies by themselves: holes, extents, DF, CACHE, several exports. And our client, with each form of
/// replies, against our server and against other people's.
/// </summary>
public class StructuredToolsTests
{
    private const long Bytes = 16 << 20;

    private static readonly Dictionary<string, string?> DebianPython = new() { ["PATH"] = $"/usr/bin:{Environment.GetEnvironmentVariable("PATH")}" };

    public static TheoryData<string, string> BackendsAndForms()
    {
        var data = new TheoryData<string, string>();
        foreach (string backend in LoopBackends.All)
        {
            data.Add(backend, "structured");
            data.Add(backend, "extended");
        }

        return data;
    }

    [SkippableTheory]
    [MemberData(nameof(ServerCases.BackendsAndTransports), MemberType = typeof(ServerCases))]
    public void Nbdinfo_sees_what_can_be_done_and_a_map_of_the_whole(string backend, string transport)
    {
        var nbdinfo = Requires.Tool("nbdinfo");
        using var server = HarnessServer.Start(backend, transport, "memory:16M");
        foreach (var ability in new[] { "structured-reply", "df", "cache", "fast-zero" })
        {
            Tool.Run(nbdinfo, "--can", ability, server.Uri).Succeeded();
        }

        using var map = JsonDocument.Parse(Tool.Run(nbdinfo, "--map", "--json", server.Uri).Succeeded().Output);
        Assert.Equal(Bytes, map.RootElement.EnumerateArray().Sum(extent => extent.GetProperty("length").GetInt64()));
        using var info = JsonDocument.Parse(Tool.Run(nbdinfo, "--json", server.Uri).Succeeded().Output);
        Assert.True(info.RootElement.GetProperty("structured").GetBoolean());
        var export = Assert.Single(info.RootElement.GetProperty("exports").EnumerateArray());
        Assert.Equal(["base:allocation"], export.GetProperty("contexts").EnumerateArray().Select(context => context.GetString()));
    }

    [SkippableTheory]
    [MemberData(nameof(ServerCases.BackendsAndTransports), MemberType = typeof(ServerCases))]
    public void Nbdsh_reads_in_chunks(string backend, string transport)
    {
        using var server = HarnessServer.Start(
            backend, transport, "memory:16M", "--export", "hole,description=nothing=null:16M", "--export", "data");
        Nbdsh(server.Uri, """
            chunks = []
            def chunk(data, offset, status, error):
                chunks.append((len(data), offset, status))
            h.pwrite(b"x" * 5000, 100)
            assert h.pread_structured(6000, 0, chunk) == bytes(100) + b"x" * 5000 + bytes(900)
            assert sum(c[0] for c in chunks) == 6000 and all(c[2] in (nbd.READ_DATA, nbd.READ_HOLE) for c in chunks)
            chunks.clear()
            h.pread_structured(3000000, 0, chunk, nbd.CMD_FLAG_DF)
            assert len(chunks) == 1, chunks
            h.cache(4096, 0)
            extents = []
            def extent(context, offset, entries, error):
                extents.append((context, offset, entries))
            h.block_status(65536, 4096, extent, nbd.CMD_FLAG_REQ_ONE)
            assert len(extents) == 1 and extents[0][:2] == ("base:allocation", 4096) and len(extents[0][2]) == 2 and extents[0][2][0] <= 65536, extents
            h.set_strict_mode(0)
            def fails(request, errno, words):
                try:
                    request()
                except nbd.Error as error:
                    assert error.errno == errno, error
                else:
                    raise AssertionError(words)
            fails(lambda: h.pread_structured(1024, h.get_size() - 512, chunk), "EINVAL", "beyond the end")
            fails(lambda: h.block_status(0, 0, extent), "EINVAL", "of nothing")
            fails(lambda: h.block_status(512, h.get_size(), extent), "EINVAL", "behind the end")
            fails(lambda: h.cache(512, 0, nbd.CMD_FLAG_DF), "EINVAL", "flag of another command")
            fails(lambda: h.pread(512, 0, 0x8000), "EINVAL", "unknown flag")
            assert h.pread(5, 98) == bytes(2) + b"xxx"
            """);
        Nbdsh(server.Uri.Replace("data", "hole", StringComparison.Ordinal), """
            chunks = []
            def chunk(data, offset, status, error):
                chunks.append((len(data), offset, status))
            assert h.pread_structured(1000000, 512, chunk) == bytes(1000000)
            assert chunks == [(1000000, 512, nbd.READ_HOLE)], chunks
            """);
    }

    /// <summary>What was never written is told as a hole in the answer to a READ itself, whether or not whoever copies asks for a map.</summary>
    [SkippableTheory]
    [InlineData("memory:16M", "epoll")]
    [InlineData("memory:16M", "uring")]
    [InlineData("file:", "epoll")]
    [InlineData("file:", "uring")]
    public void Nbdsh_is_told_of_holes_and_nbdcopy_leaves_them_out(string store, string backend)
    {
        string nbdcopy = Requires.Tool("nbdcopy");
        using var folder = new TempDir();
        if (store == "file:")
        {
            store += folder.File("disk");
            using FileStream disk = File.Create(folder.File("disk"));
            disk.SetLength(Bytes);
        }

        using HarnessServer server = HarnessServer.Start(backend, block: store);
        using var map = JsonDocument.Parse(Tool.Run(Requires.Tool("nbdinfo"), "--map", "--json", server.Uri).Succeeded().Output);
        Skip.If(map.RootElement[0].GetProperty("type").GetInt32() == 0, "the file system of the temporary folder tells of no holes");
        Nbdsh(server.Uri, """
            chunks = []
            def chunk(data, offset, status, error):
                chunks.append((offset, len(data), status))
            m = 1 << 20
            h.pwrite(b"x" * 65536, m)
            assert h.pread_structured(2 * m, 0, chunk) == bytes(m) + b"x" * 65536 + bytes(m - 65536)
            assert chunks == [(0, m, nbd.READ_HOLE), (m, 65536, nbd.READ_DATA), (m + 65536, m - 65536, nbd.READ_HOLE)], chunks
            chunks.clear()
            assert h.pread_structured(2 * m, 0, chunk, nbd.CMD_FLAG_DF) == bytes(m) + b"x" * 65536 + bytes(m - 65536)
            assert chunks == [(0, 2 * m, nbd.READ_DATA)], chunks
            h.trim(65536, m)
            chunks.clear()
            assert h.pread_structured(2 * m, 0, chunk) == bytes(2 * m)
            assert chunks == [(0, 2 * m, nbd.READ_HOLE)], chunks
            h.pwrite(b"y" * 300000, 5000000)
            h.flush()
            """);
        string copied = folder.File("copied");
        Tool.Run(nbdcopy, "--no-extents", server.Uri, copied).Succeeded();
        byte[] expected = new byte[Bytes];
        expected.AsSpan(5_000_000, 300_000).Fill((byte)'y');
        Assert.True(expected.AsSpan().SequenceEqual(File.ReadAllBytes(copied)));
        Assert.InRange(long.Parse(Tool.Run("stat", "-c", "%b", copied).Succeeded().Output.Trim()), 1, (1 << 20) / 512);
    }

    [SkippableFact]
    public void Several_exports_are_listed_with_their_descriptions()
    {
        var nbdinfo = Requires.Tool("nbdinfo");
        using var server = HarnessServer.Start(
            "epoll", HarnessServer.Unix, "memory:1M", "--export", "second,description=a second disk, 50%25 empty=null:2M", "--export", "third=memory:3M", "--read-only");
        using var list = JsonDocument.Parse(Tool.Run(nbdinfo, "--list", "--json", server.Uri).Succeeded().Output);
        Assert.Equal(
            [("", "memory:1M", 1L << 20), ("second", "a second disk, 50% empty", 2L << 20), ("third", "memory:3M", 3L << 20)],
            list.RootElement.GetProperty("exports").EnumerateArray()
                .Select(export => (Text(export, "export-name"), Text(export, "description"), export.GetProperty("export-size").GetInt64())));
    }

    [SkippableTheory]
    [InlineData("--export x,descr=y=null:1M", "only ',description=TEXT' may follow a name")]
    [InlineData("--export x=", "no chain follows the '='")]
    [InlineData("--export x=nul:1M", "unknown block 'nul': did you mean 'null'?")]
    [InlineData("--export x=null:1M --export x=null:2M", "two exports have the name 'x'")]
    [InlineData("--export x --export y", "both name the chain of --block")]
    [InlineData("--export x=null:1M --export y", "--export y has no chain; write y=CHAIN, or give --block CHAIN")]
    [InlineData("--export x=null:1M --listen nbd://localhost:0/z", "names the export 'z', but there is only 'x'")]
    [InlineData("--replies complex", "unknown form of replies 'complex'")]
    public void Exports_that_make_no_sense_are_bad_usage(string options, string words)
    {
        var result = Tool.Run(HarnessServer.Program, ["serve", .. options.Split(' ')]);
        Assert.True(result.ExitCode == 2, result.ToString());
        Assert.Contains(words, result.Errors, StringComparison.Ordinal);
        Assert.Single(result.Errors.Trim().Split('\n'));
    }

    [SkippableTheory]
    [MemberData(nameof(ServerCases.BackendsAndTransports), MemberType = typeof(ServerCases))]
    public void Qemu_img_maps_and_compares(string backend, string transport)
    {
        var qemuImg = Requires.Tool("qemu-img");
        using var folder = new TempDir();
        var disk = folder.File("disk");
        RandomFile.Write(disk, Bytes, seed: 31);
        using var server = HarnessServer.Start(backend, transport, "memory:16M");

        Tool.Run(qemuImg, "convert", "-n", "-f", "raw", "-O", "raw", "-W", "-m", "16", disk, server.Uri).Succeeded();
        Tool.Run(qemuImg, "compare", "-f", "raw", "-F", "raw", disk, server.Uri).Succeeded();

        using var map = JsonDocument.Parse(Tool.Run(qemuImg, "map", "-f", "raw", "--output=json", server.Uri).Succeeded().Output);
        Assert.Equal(Bytes, map.RootElement.EnumerateArray().Sum(extent => extent.GetProperty("length").GetInt64()));
        Assert.All(map.RootElement.EnumerateArray(), extent => Assert.True(extent.GetProperty("data").GetBoolean()));
    }

    [SkippableTheory]
    [MemberData(nameof(ServerCases.BackendsAndTransports), MemberType = typeof(ServerCases))]
    public void Nbdcopy_brings_a_sparse_file_in_and_out(string backend, string transport)
    {
        var nbdcopy = Requires.Tool("nbdcopy");
        using var folder = new TempDir();
        var (sent, received) = (folder.File("sent"), folder.File("received"));
        RandomFile.Write(sent, 1 << 20, seed: 32);
        using (var file = File.OpenWrite(sent))
        {
            file.SetLength(Bytes);
        }

        using var server = HarnessServer.Start(backend, transport, "memory:16M");
        Tool.Run(nbdcopy, "--destination-is-zero", "--connections=4", sent, server.Uri).Succeeded();
        Tool.Run(nbdcopy, server.Uri, received).Succeeded();
        RandomFile.AssertSame(sent, received);
    }

    [SkippableTheory]
    [MemberData(nameof(BackendsAndForms))]
    public void Our_client_and_server_keep_what_was_written(string backend, string form)
    {
        using var server = HarnessServer.Start(backend, HarnessServer.Unix, "memory:64M");
        Assert.Equal(form, Load(server.Uri, backend, form, "--rw", "mix:50", "--depth", "64", "--connections", "4", "--ops", "20000", "--verify"));
        Assert.Equal(form, Load(server.Uri, backend, form, "--rw", "mix:50", "--depth", "4", "--size", "1M", "--ops", "200", "--verify"));
    }

    [SkippableTheory]
    [ClassData(typeof(ClientBackends))]
    public void Our_client_reads_zeroes_where_a_store_has_holes(string backend)
    {
        using var server = HarnessServer.Start(backend, HarnessServer.Tcp, "null:64M");
        foreach (string form in new[] { "structured", "extended" })
        {
            Assert.Equal(form, Load(server.Uri, backend, form, "--size", "64k", "--ops", "5000", "--verify", "zeroes"));
        }
    }

    [SkippableFact]
    public void Our_client_makes_do_with_what_a_server_offers()
    {
        using var server = HarnessServer.Start("epoll", HarnessServer.Unix, "memory:16M", "--replies", "structured");
        Assert.Equal("structured", Load(server.Uri, "epoll", "extended", "--ops", "100"));
        Assert.Equal("simple", Load(server.Uri, "epoll", "simple", "--ops", "100"));
    }

    [SkippableTheory]
    [ClassData(typeof(ClientBackends))]
    public void Our_client_asks_nbdkit_for_structured_replies(string backend)
    {
        using var server = ForeignServer.OnSocket("nbdkit", socket => ["-f", "-U", socket, "memory", "64M"]);
        Assert.Equal("structured", Load(server.Uri, backend, "extended", "--rw", "mix:50", "--depth", "64", "--connections", "4", "--ops", "5000", "--verify"));
        using var pattern = ForeignServer.OnSocket("nbdkit", socket => ["-f", "-U", socket, "pattern", "64M"]);
        Assert.Equal("structured", Load(pattern.Uri, backend, "structured", "--size", "1M", "--depth", "8", "--ops", "200", "--verify", "pattern"));
        using var simple = ForeignServer.OnSocket("nbdkit", socket => ["-f", "--no-sr", "-U", socket, "pattern", "64M"]);
        Assert.Equal("simple", Load(simple.Uri, backend, "extended", "--ops", "1000", "--verify", "pattern"));
    }

    [SkippableTheory]
    [ClassData(typeof(ClientBackends))]
    public void Our_client_takes_the_holes_of_qemu_nbd(string backend)
    {
        using var folder = new TempDir();
        var disk = folder.File("disk");
        using (var file = File.Create(disk))
        {
            file.SetLength(64 << 20);
        }

        using var server = ForeignServer.OnSocket("qemu-nbd", socket => ["-t", "-e", "16", "-f", "raw", "-k", socket, disk]);
        Assert.Equal("structured", Load(server.Uri, backend, "structured", "--size", "64k", "--depth", "16", "--ops", "2000", "--verify", "zeroes"));
        Assert.Equal("structured", Load(server.Uri, backend, "structured", "--rw", "mix:50", "--depth", "16", "--ops", "5000", "--verify"));
    }

    /// <summary>Runs a load that must succeed; returns the form of replies that was settled on.</summary>
    private static string? Load(string uri, string backend, string form, params string[] more)
    {
        string[] shape = ["--backend", backend, "--replies", form, "--warmup", "0s"];
        var load = Tool.Run(HarnessServer.Program, ["load", uri, .. shape, "--json", "-", .. more]).Succeeded();
        using var json = JsonDocument.Parse(load.Output);
        Assert.Equal(0, json.RootElement.GetProperty("errors").GetInt64());
        return json.RootElement.GetProperty("replies").GetString();
    }

    private static string? Text(JsonElement export, string member) => export.GetProperty(member).GetString();

    private static void Nbdsh(string uri, string script)
    {
        var result = Tool.Run(Requires.Tool("nbdsh"), ["--base-allocation", "-u", uri, "-c", script], DebianPython);
        Skip.If(result.Errors.Contains("No module named", StringComparison.Ordinal), "nbdsh finds no python3 with the nbd module (Debian package python3-libnbd)");
        result.Succeeded();
    }
}
