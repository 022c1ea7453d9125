using Harness.Io;

namespace Harness.Tests;

/// <summary>Chains of filters as other people's clients meet them, on every backend.</summary>
public class FilterToolsTests
{
    private const int DiskBytes = 8 << 20;

    // Debian's python3 has the module; a python3 of another origin may stand before it in PATH.
    private static readonly Dictionary<string, string?> DebianPython = new() { ["PATH"] = $"/usr/bin:{Environment.GetEnvironmentVariable("PATH")}" };

    public static TheoryData<string> Backends => [.. LoopBackends.All];

    [SkippableTheory]
    [MemberData(nameof(Backends))]
    public void Qemu_io_reads_the_patterns_that_it_wrote_through_a_long_chain(string backend)
    {
        var qemuIo = Requires.Tool("qemu-io");
        Skip.If(HarnessServer.IsForeign, "the filters are ours");
        const string Chain = "delay:read=1ms,write=1ms,flush=1ms/blocksize:minimum=4k,maximum=64k/cow/offset:offset=1M/stats/memory:64M";
        using var server = HarnessServer.Start(backend, block: Chain);
        string[] commands =
        [
            "write -P 0xab 4k 8k", "read -P 0xab 4k 8k", "write -P 0x11 1048577 513", "read -P 0x11 1048577 513", "read -P 0 1048576 1", "read -P 0 1049090 1",
            "write -P 0x5a 32M 4M", "read -P 0x5a 32M 4M", "write -f -P 0xcd 66060287 1", "read -P 0xcd 66060287 1", "write -z 33M 100k", "read -P 0 33M 100k",
            "discard 34M 64k", "read -P 0x5a 33656832 512", "flush",
        ];
        string[] arguments = ["-f", "raw", .. commands.SelectMany(command => new[] { "-c", command }), server.Uri];
        var result = Tool.Run(qemuIo, arguments).Succeeded();
        Assert.False(result.Output.Contains("failed", StringComparison.OrdinalIgnoreCase), result.ToString());
        server.Stop();
        Assert.Contains("harness serve: stats: READ ", server.Errors, StringComparison.Ordinal);
    }

    [SkippableTheory]
    [MemberData(nameof(Backends))]
    public void Nbdsh_gets_the_errors_that_were_asked_for(string backend)
    {
        var nbdsh = Requires.Tool("nbdsh");
        Skip.If(HarnessServer.IsForeign, "the filters are ours");
        const string Chain = "error:commands=write,errno=ENOSPC/error:commands=read,offset=1M,length=4k,errno=EPERM/error:commands=trim,errno=ENODEV/memory:8M";
        using var server = HarnessServer.Start(backend, block: Chain);
        const string Script = """
            def answer(request):
                try:
                    request()
                    return "ok"
                except nbd.Error as error:
                    return error.errno
            print(answer(lambda: h.pwrite(b"x" * 512, 0)), answer(lambda: h.pread(512, 0)), answer(lambda: h.pread(512, 2**20 - 1)),
                  answer(lambda: h.trim(512, 0)), answer(lambda: h.zero(512, 0)), answer(h.flush))
            """;
        var result = Tool.Run(nbdsh, ["-u", server.Uri, "-c", Script], DebianPython);
        Skip.If(result.Errors.Contains("No module named", StringComparison.Ordinal), "nbdsh finds no python3 with the nbd module (Debian package python3-libnbd)");
        Assert.Equal("ENOSPC ok EPERM EIO ok ok", result.Succeeded().Output.Trim());
        server.Stop();
        Assert.Contains("ENODEV: No such device", server.Errors, StringComparison.Ordinal);
    }

    [SkippableTheory]
    [MemberData(nameof(Backends))]
    public void Nbdcopy_writes_through_cow_and_the_file_stays(string backend)
    {
        var nbdcopy = Requires.Tool("nbdcopy");
        Skip.If(HarnessServer.IsForeign, "the filters are ours");
        using var folder = new TempDir();
        var (disk, copy, sent, received) = (folder.File("disk"), folder.File("copy"), folder.File("sent"), folder.File("received"));
        RandomFile.Write(disk, DiskBytes, seed: 30);
        File.Copy(disk, copy);
        RandomFile.Write(sent, DiskBytes, seed: 31);
        using (var server = HarnessServer.Start(backend, block: $"cow/file:{disk}"))
        {
            Tool.Run(nbdcopy, server.Uri, received).Succeeded();
            RandomFile.AssertSame(copy, received);
            Tool.Run(nbdcopy, "--connections=4", "--requests=16", "--flush", sent, server.Uri).Succeeded();
            Tool.Run(nbdcopy, server.Uri, received).Succeeded();
            RandomFile.AssertSame(sent, received);
        }

        RandomFile.AssertSame(copy, disk);
    }

    [SkippableTheory]
    [MemberData(nameof(Backends))]
    public void Nbdcopy_reads_a_partition_and_a_part_of_a_disk_that_nbdkit_made(string backend)
    {
        var (nbdcopy, nbdkit) = (Requires.Tool("nbdcopy"), Requires.Tool("nbdkit"));
        Skip.If(HarnessServer.IsForeign, "the filters are ours");
        using var folder = new TempDir();
        var (first, second, disk, received) = (folder.File("first"), folder.File("second"), folder.File("disk"), folder.File("received"));
        RandomFile.Write(first, 1 << 20, seed: 32);
        RandomFile.Write(second, 3 << 20, seed: 33);
        foreach (string type in (string[])["gpt", "mbr"])
        {
            File.Delete(disk);
            Tool.Run(nbdkit, "-U", "-", "partitioning", first, second, $"partition-type={type}", "--run", $"nbdcopy \"$uri\" {disk}").Succeeded();
            using var server = HarnessServer.Start(backend, block: $"partition:number=2/file:{disk}");
            Tool.Run(nbdcopy, server.Uri, received).Succeeded();
            RandomFile.AssertSame(second, received);
        }

        using var part = HarnessServer.Start(backend, block: $"offset:offset=4097,length=100000/file:{first}");
        Tool.Run(nbdcopy, part.Uri, received).Succeeded();
        Assert.Equal(File.ReadAllBytes(first)[4097..104097], File.ReadAllBytes(received));
    }

    [SkippableTheory]
    [MemberData(nameof(Backends))]
    public void The_pattern_is_that_of_nbdkit(string backend)
    {
        var (nbdcopy, nbdkit) = (Requires.Tool("nbdcopy"), Requires.Tool("nbdkit"));
        Skip.If(HarnessServer.IsForeign, "nbdkit's own would be compared with itself");
        using var folder = new TempDir();
        var (ours, theirs) = (folder.File("ours"), folder.File("theirs"));
        using var server = HarnessServer.Start(backend, block: "pattern:3000007");
        Tool.Run(nbdcopy, server.Uri, ours).Succeeded();
        Tool.Run(nbdkit, "-U", "-", "pattern", "size=3000007", "--run", $"nbdcopy \"$uri\" {theirs}").Succeeded();
        RandomFile.AssertSame(theirs, ours);
        // Writing what is there already succeeds.
        Tool.Run(nbdcopy, theirs, server.Uri).Succeeded();
        Tool.Run(HarnessServer.Program, "load", server.Uri, "--backend", backend, "--verify=pattern", "--ops", "2000", "--size", "512").Succeeded();
    }

    [SkippableTheory]
    [MemberData(nameof(Backends))]
    public void Verified_load_finds_nothing_wrong_with_a_long_chain(string backend)
    {
        Skip.If(HarnessServer.IsForeign, "the filters are ours");
        using var folder = new TempDir();
        string log = folder.File("log").Replace("/", "%2F", StringComparison.Ordinal);
        string chain = $"stats:name=outside/throttle:requests=1000000/delay:read=100us,write=200us/error:rate=0/log:file={log}"
            + "/blocksize:minimum=8k,maximum=16k/cow/offset:offset=4k/stats/memory:16M";
        using var server = HarnessServer.Start(backend, block: chain, more: ["--loops", "2"]);
        string[] deep = ["--rw", "mix:50", "--connections", "4", "--depth", "32", "--ops", TestScale.Pick("20000", "500000"), "--verify"];
        var load = Tool.Run(HarnessServer.Program, ["load", server.Uri, "--backend", backend, .. deep]).Succeeded();
        Assert.Contains("all right", load.Output, StringComparison.Ordinal);
        server.Stop();
        Assert.Contains("stats outside: READ ", server.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("bug", server.Errors, StringComparison.Ordinal);
    }
}
