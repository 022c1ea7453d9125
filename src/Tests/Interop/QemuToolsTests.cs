namespace Harness.Tests;

/// <summary>QEMU's block client against our server: patterns that it verifies itself, and its benchmark at depth 64.</summary>
public class QemuToolsTests
{
    [SkippableTheory]
    [MemberData(nameof(ServerCases.BackendsAndTransports), MemberType = typeof(ServerCases))]
    public void Qemu_io_reads_the_patterns_that_it_wrote(string backend, string transport)
    {
        var qemuIo = Requires.Tool("qemu-io");
        using var server = HarnessServer.Start(backend, transport);

        QemuIo(qemuIo, server,
            "write -P 0xab 4k 8k", "read -P 0xab 4k 8k",
            // Two requests and their neighbours, unaligned to any block.
            "write -P 0x11 1048577 513", "read -P 0x11 1048577 513", "read -P 0 1048576 1", "read -P 0 1049090 1",
            // One request of the largest payload that clients may send without asking.
            "write -P 0x5a 32M 32M", "read -P 0x5a 32M 32M",
            // Forced unit access, to the last byte of the export.
            "write -f -P 0xcd 268435455 1", "read -P 0xcd 268435455 1",
            "flush");
    }

    [SkippableTheory]
    [MemberData(nameof(ServerCases.BackendsAndTransports), MemberType = typeof(ServerCases))]
    public void Qemu_io_reads_zeroes_where_it_zeroed(string backend, string transport)
    {
        var qemuIo = Requires.Tool("qemu-io");
        using var server = HarnessServer.Start(backend, transport);

        QemuIo(qemuIo, server,
            "write -P 0xab 0 256k",
            "write -z 64k 64k", "read -P 0 64k 64k",
            "write -z -u 128k 64k", "read -P 0 128k 64k",
            "write -z 1 511", "read -P 0 1 511",
            // What a discarded range reads as is the server's choice; its neighbours are not.
            "discard 192k 32k",
            "read -P 0xab 0 1", "read -P 0xab 512 65024", "read -P 0xab 224k 32k",
            "flush");
    }

    [SkippableTheory]
    [MemberData(nameof(ServerCases.BackendsAndTransports), MemberType = typeof(ServerCases))]
    public void Qemu_img_bench_reads_and_writes_at_depth_64(string backend, string transport)
    {
        var qemuImg = Requires.Tool("qemu-img");
        var count = TestScale.Pick("2000", "100000");
        using var server = HarnessServer.Start(backend, transport);

        Tool.Run(qemuImg, "bench", "-f", "raw", "-c", count, "-d", "64", "-s", "4096", server.Uri).Succeeded();
        Tool.Run(qemuImg, "bench", "-f", "raw", "-c", count, "-d", "64", "-s", "4096", "-w", server.Uri).Succeeded();
    }

    private static void QemuIo(string qemuIo, HarnessServer server, params string[] commands)
    {
        string[] arguments = ["-f", "raw", .. commands.SelectMany(command => new[] { "-c", command }), server.Uri];
        var result = Tool.Run(qemuIo, arguments).Succeeded();
        // Some versions report a failed pattern and still end with 0.
        Assert.False(result.Output.Contains("failed", StringComparison.OrdinalIgnoreCase), result.ToString());
    }
}
