using System.Text.Json;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>
/// Other people's clients, our server, its <c>nbd</c> store, and behind it a server of ours or of somebody else: as if the one in the middle were not there.
/// </summary>
public sealed class NbdChainTests : IDisposable
{
    private const int Bytes = 32 << 20;

    private static readonly Dictionary<string, string?> DebianPython = new() { ["PATH"] = $"/usr/bin:{Environment.GetEnvironmentVariable("PATH")}" };

    private readonly TempDir _folder = new();
    private readonly List<IDisposable> _servers = [];

    public static TheoryData<string, string> Chains()
    {
        var chains = new TheoryData<string, string> { { "harness", "uring" }, { "nbdkit", "uring" }, { "qemu-nbd", "epoll" } };
        if (TestScale.Full)
        {
            chains.Add("harness", "epoll");
            foreach (string backend in (string[])["poll", "uring-poll", "uring-epoll"])
            {
                chains.Add("harness", backend);
                chains.Add("nbdkit", backend);
                chains.Add("qemu-nbd", backend);
            }
        }

        return chains;
    }

    public void Dispose()
    {
        _servers.Reverse();
        _servers.ForEach(server => server.Dispose());
        _folder.Dispose();
    }

    [SkippableTheory]
    [MemberData(nameof(Chains))]
    public void Libnbd_sees_through_it(string upstream, string backend)
    {
        var (nbdinfo, nbdcopy) = (Requires.Tool("nbdinfo"), Requires.Tool("nbdcopy"));
        string behind = Upstream(upstream, backend);
        string uri = Front(behind, backend);
        using (var one = JsonDocument.Parse(Tool.Run(nbdinfo, "--json", behind).Succeeded().Output))
        using (var two = JsonDocument.Parse(Tool.Run(nbdinfo, "--list", "--json", uri).Succeeded().Output))
        {
            JsonElement there = one.RootElement.GetProperty("exports")[0];
            JsonElement here = Assert.Single(two.RootElement.GetProperty("exports").EnumerateArray());
            foreach (string fact in (string[])["export-size", "is_read_only", "can_flush", "can_fua", "can_trim", "can_zero", "can_fast_zero", "can_cache"])
            {
                Assert.True(there.GetProperty(fact).ToString() == here.GetProperty(fact).ToString(), fact);
            }
        }

        foreach (string ability in (string[])["flush", "fua", "zero", "trim", "multi-conn", "df", "structured-reply"])
        {
            Tool.Run(nbdinfo, "--can", ability, uri).Succeeded();
        }

        var (sent, received) = (_folder.File("sent"), _folder.File("received"));
        RandomFile.Write(sent, 1 << 20, seed: 41);
        using (var file = File.OpenWrite(sent))
        {
            file.SetLength(Bytes);
            file.Position = 8 << 20;
            file.Write(Wire.Data(1, 100_000));
        }

        Tool.Run(nbdcopy, "--destination-is-zero", "--connections=4", "--requests=32", "--flush", sent, uri).Succeeded();
        Assert.Equal(Map(nbdinfo, behind), Map(nbdinfo, uri));
        Assert.Contains(Map(nbdinfo, uri), extent => extent.Type == 3);
        Tool.Run(nbdcopy, "--connections=4", uri, received).Succeeded();
        RandomFile.AssertSame(sent, received);
    }

    [SkippableTheory]
    [MemberData(nameof(Chains))]
    public void Qemu_sees_through_it(string upstream, string backend)
    {
        var (qemuImg, qemuIo) = (Requires.Tool("qemu-img"), Requires.Tool("qemu-io"));
        string behind = Upstream(upstream, backend);
        string uri = Front(behind, backend);
        var disk = _folder.File("disk");
        RandomFile.Write(disk, 4 << 20, seed: 42);
        using (var file = File.OpenWrite(disk))
        {
            file.SetLength(Bytes);
        }

        Tool.Run(qemuImg, "convert", "-n", "-f", "raw", "-O", "raw", "-W", "-m", "16", disk, uri).Succeeded();
        Tool.Run(qemuImg, "compare", "-f", "raw", "-F", "raw", disk, uri).Succeeded();
        Assert.Equal(
            Tool.Run(qemuImg, "map", "-f", "raw", "--output=json", behind).Succeeded().Output,
            Tool.Run(qemuImg, "map", "-f", "raw", "--output=json", uri).Succeeded().Output);
        string[] commands =
        [
            "write -P 0xab 4k 8k", "read -P 0xab 4k 8k", "write -P 0x11 1048577 513", "read -P 0x11 1048577 513", "write -P 0x5a 8M 16M", "read -P 0x5a 8M 16M",
            "write -f -P 0xcd 33554431 1", "read -P 0xcd 33554431 1", "write -z 9M 64k", "read -P 0 9M 64k",
            "write -z -u 10M 64k", "read -P 0 10M 64k", "discard 12M 1M",
            "read -P 0x5a 13M 64k", "flush",
        ];
        var result = Tool.Run(qemuIo, ["-f", "raw", .. commands.SelectMany(command => new[] { "-c", command }), uri]).Succeeded();
        Assert.False(result.Output.Contains("failed", StringComparison.OrdinalIgnoreCase), result.ToString());
    }

    [SkippableTheory]
    [MemberData(nameof(Chains))]
    public void What_was_written_through_it_is_read_through_it(string upstream, string backend)
    {
        string uri = Front(Upstream(upstream, backend), backend);
        string ops = TestScale.Pick("10000", "500000");
        Tool.Run(HarnessServer.Program, "load", uri, "--rw", "mix:50", "--connections", "4",
            "--depth", "64", "--ops", ops, "--verify", "--warmup", "0s").Succeeded();
        Tool.Run(HarnessServer.Program, "load", uri, "--rw", "mix:50", "--size", "256k", "--depth", "4",
            "--ops", "200", "--verify", "--replies", "extended", "--warmup", "0s").Succeeded();
        if (Requires.Find("fio") is { } fio && Tool.Run(fio, "--enghelp").Output.Contains("nbd", StringComparison.Ordinal))
        {
            Tool.Run(
                fio, "--name=verify", "--ioengine=nbd", $"--uri={uri}", "--rw=randrw", "--bs=4k", "--iodepth=64", $"--size={TestScale.Pick("8M", "32M")}",
                "--verify=crc32c", "--verify_fatal=1", "--verify_state_save=0", "--output-format=terse").Succeeded();
        }
    }

    [SkippableTheory]
    [MemberData(nameof(Chains))]
    public void Nbdsh_gets_holes_and_errors_as_they_are_behind_it(string upstream, string backend)
    {
        string behind = Upstream(upstream, backend);
        string uri = Front(behind, backend, "error:commands=trim,errno=ENOSPC/");
        Nbdsh(uri, """
            h.pwrite(b"x" * 65536, 2**20)
            h.zero(65536, 2**21, nbd.CMD_FLAG_NO_HOLE | nbd.CMD_FLAG_FUA)
            h.flush()
            try:
                h.trim(4096, 0)
                raise AssertionError("trim")
            except nbd.Error as error:
                assert error.errno == "ENOSPC"
            """);
        const string Look = """
            def chunk(data, offset, status, error):
                print("chunk", offset, len(data), status)
            def extent(context, offset, entries, error):
                print(context, offset, entries)
            assert h.pread_structured(2**20, 2**19, chunk) == bytes(2**19) + b"x" * 65536 + bytes(2**19 - 65536)
            h.block_status(2**19, 2**20, extent, nbd.CMD_FLAG_REQ_ONE)
            h.block_status(2**23, 2**18, extent)
            """;
        Assert.Equal(Nbdsh(behind, Look), Nbdsh(uri, Look));
    }

    [SkippableTheory]
    [InlineData(true, 3)]
    [InlineData(false, 1)]
    public void Loops_have_connections_of_their_own_only_where_a_flush_covers_all(bool promises, int connections)
    {
        Skip.If(HarnessServer.IsForeign, "the store is ours");
        using var behind = new UpstreamServer(promises ? new MemoryStore(Bytes) : new LonelyBlock(new MemoryStore(Bytes)));
        using var server = HarnessServer.Start("epoll", block: $"nbd:{behind.Uri}", more: ["--loops", "3"]);
        Tool.Run(HarnessServer.Program, "load", server.Uri, "--rw", "mix:50", "--connections", "6", "--depth", "32", "--ops", "20000", "--verify").Succeeded();
        Assert.Equal(connections, behind.Connections);
    }

    [SkippableFact]
    public void A_server_behind_it_that_dies_under_load_takes_nobody_with_it()
    {
        Skip.If(HarnessServer.IsForeign, "the store is ours");
        using var behind = new UpstreamServer(new MemoryStore(Bytes), new NbdServerOptions { DrainDeadlineNs = 1 });
        using var server = HarnessServer.Start("uring", block: $"nbd:timeout=100ms,{behind.Uri}", more: ["--loops", "2"]);
        using Child load = Child.Start(HarnessServer.Program, ["load", server.Uri, "--rw", "mix:50",
            "--connections", "4", "--depth", "32", "--duration", "1500ms", "--warmup", "0s"]);
        for (int i = 0; i < 3; i++)
        {
            Thread.Sleep(200);
            behind.Stop();
            behind.Start(new MemoryStore(Bytes), new NbdServerOptions { DrainDeadlineNs = 1 });
        }

        Assert.NotNull(load.WaitForExit(Tool.Deadline));
        Tool.Run(HarnessServer.Program, "load", server.Uri, "--rw", "mix:50", "--connections", "4", "--ops", "5000", "--verify").Succeeded();
        server.Stop();
        Assert.Contains(" is lost", server.Errors, StringComparison.Ordinal);
        Assert.Contains(" is connected to again, after ", server.Errors, StringComparison.Ordinal);
    }

    private static string Nbdsh(string uri, string script)
    {
        var result = Tool.Run(Requires.Tool("nbdsh"), ["--base-allocation", "-u", uri, "-c", script], DebianPython);
        Skip.If(result.Errors.Contains("No module named", StringComparison.Ordinal), "nbdsh finds no python3 with the nbd module (Debian package python3-libnbd)");
        return result.Succeeded().Output;
    }

    private static List<(long Length, int Type)> Map(string nbdinfo, string uri)
    {
        using var map = JsonDocument.Parse(Tool.Run(nbdinfo, "--map", "--json", uri).Succeeded().Output);
        return [.. map.RootElement.EnumerateArray().Select(extent => (extent.GetProperty("length").GetInt64(), extent.GetProperty("type").GetInt32()))];
    }

    /// <summary>A server of <see cref="Bytes"/> zeroes.</summary>
    private string Upstream(string kind, string backend)
    {
        Skip.If(HarnessServer.IsForeign, "the store is ours");
        if (kind == "harness")
        {
            var ours = HarnessServer.Start(backend, block: "memory:32M");
            _servers.Add(ours);
            return ours.Uri;
        }

        string image = _folder.File("image");
        using (var file = File.Create(image))
        {
            file.SetLength(Bytes);
        }

        var theirs = kind == "nbdkit"
            ? ForeignServer.OnSocket(kind, socket => ["-f", "-U", socket, "memory", $"{Bytes}"])
            : ForeignServer.OnSocket(kind, socket => ["-t", "-e", "16", "-f", "raw", "--discard=unmap", "-k", socket, image]);
        _servers.Add(theirs);
        return theirs.Uri;
    }

    private string Front(string behind, string backend, string filters = "")
    {
        var front = HarnessServer.Start(backend, block: $"{filters}nbd:{behind}", more: ["--loops", "2"]);
        _servers.Add(front);
        return front.Uri;
    }

    /// <summary>Promises nothing about several connections.</summary>
    private sealed class LonelyBlock(IBlock next) : BlockFilter(next)
    {
        public override string Name => "lonely";

        public override BlockCapabilities Capabilities => Next.Capabilities & ~BlockCapabilities.MultiConn;
    }
}
