using System.Text.Json;

namespace Harness.Tests;

/// <summary><c>harness copy</c> between files and real servers, beside nbdcopy and qemu-img; and what it says where it cannot.</summary>
public class CopyTests
{
    private const int MiB = 1 << 20;

    [Theory]
    [InlineData("epoll", "unix")]
    [InlineData("uring", "tcp")]
    public void A_sparse_file_goes_in_and_out_with_its_holes(string backend, string transport)
    {
        using var folder = new TempDir();
        (string sent, string disk, string received) = (folder.File("sent"), folder.File("disk"), folder.File("received"));
        WriteSparse(sent, 24 * MiB, seed: 1);
        File.WriteAllBytes(disk, []);
        using (FileStream file = File.OpenWrite(disk))
        {
            file.SetLength(24 * MiB);
        }

        using var server = HarnessServer.Start(backend, transport, $"file:{disk}");
        JsonElement into = Copy(sent, server.Uri, "--backend", backend, "--verify", "--request-size", "64k");
        JsonElement outOf = Copy(server.Uri, received, "--backend", backend);
        RandomFile.AssertSame(sent, received);
        Assert.Equal(24 * MiB, into.GetProperty("compared_bytes").GetInt64());
        Assert.Equal(4, into.GetProperty("destination_connections").GetInt32());
        foreach (JsonElement copy in new[] { into, outOf })
        {
            Assert.Equal(24 * MiB, copy.GetProperty("data_bytes").GetInt64() + copy.GetProperty("zero_bytes").GetInt64());
            Assert.Equal(9 * MiB, copy.GetProperty("data_bytes").GetInt64());
        }

        Assert.InRange(Allocated(received), 9 * MiB, 11 * MiB);
    }

    [SkippableTheory]
    [InlineData("nbdkit")]
    [InlineData("qemu-nbd")]
    public void Other_peoples_servers_are_sources_and_destinations(string server)
    {
        using var folder = new TempDir();
        (string sent, string disk, string received) = (folder.File("sent"), folder.File("disk"), folder.File("received"));
        WriteSparse(sent, 16 * MiB, seed: 2);
        using (FileStream file = File.Create(disk))
        {
            file.SetLength(16 * MiB);
        }

        using ForeignServer foreign = ForeignServer.OnSocket(server, socket => server == "nbdkit"
            ? ["-f", "-U", socket, "file", disk]
            : ["-f", "raw", "-t", "-e", "8", "-k", socket, disk]);
        Copy(sent, foreign.Uri, "--verify");
        Copy(foreign.Uri, received, "--request-size", "4k", "--requests", "16");
        RandomFile.AssertSame(sent, received);
        Tool.Run(Requires.Tool("qemu-img"), "compare", "-f", "raw", "-F", "raw", sent, disk).Succeeded();
    }

    [SkippableFact]
    public void It_copies_what_nbdcopy_copies()
    {
        string nbdcopy = Requires.Tool("nbdcopy");
        using var folder = new TempDir();
        (string sent, string ours, string theirs) = (folder.File("sent"), folder.File("ours"), folder.File("theirs"));
        WriteSparse(sent, 16 * MiB, seed: 3);
        using var server = HarnessServer.Start("epoll", "unix", "memory:16M");
        Copy(sent, server.Uri);
        Tool.Run(nbdcopy, server.Uri, theirs).Succeeded();
        Copy(server.Uri, ours);
        RandomFile.AssertSame(sent, ours);
        RandomFile.AssertSame(theirs, ours);
    }

    [Fact]
    public void From_server_to_server_and_through_a_block_size()
    {
        using var folder = new TempDir();
        (string sent, string received) = (folder.File("sent"), folder.File("received"));
        WriteSparse(sent, 8 * MiB, seed: 4);
        using var first = HarnessServer.Start("epoll", "unix", "memory:8M");
        using var second = HarnessServer.Start("epoll", "unix", "memory:8M", "--replies", "simple");
        Copy(sent, first.Uri);
        Copy(first.Uri, second.Uri, "--requests", "3", "--request-size", "5000", "--verify");
        Copy(second.Uri, received);
        RandomFile.AssertSame(sent, received);
    }

    [Fact]
    public void Zeroes_overwrite_what_was_there_unless_it_is_said_to_be_zero()
    {
        using var folder = new TempDir();
        string full = folder.File("full");
        RandomFile.Write(full, 4 * MiB, seed: 5);
        using var server = HarnessServer.Start("epoll", "unix", "memory:4M");
        Copy(full, server.Uri);
        Copy("null:2M", server.Uri, "--destination-is-zero");
        string kept = folder.File("kept");
        Copy(server.Uri, kept);
        RandomFile.AssertSame(full, kept);
        Copy("null:2M", server.Uri, "--verify");
        Copy(server.Uri, kept);
        byte[] bytes = File.ReadAllBytes(kept);
        Assert.Equal(-1, bytes.AsSpan(0, 2 * MiB).IndexOfAnyExcept((byte)0));
        Assert.True(bytes.AsSpan(2 * MiB).SequenceEqual(File.ReadAllBytes(full).AsSpan(2 * MiB)));
    }

    [Fact]
    public void Allocated_zeroes_take_space()
    {
        using var folder = new TempDir();
        string file = folder.File("zeroes");
        Copy("null:3M", file, "--allocated", "--verify");
        Assert.InRange(Allocated(file), 3 * MiB, 4 * MiB);
        Copy("null:3M", file, "--verify");
        Assert.InRange(Allocated(file), 0, 64 << 10);
    }

    [Fact]
    public void A_destination_that_fails_in_the_middle_is_reported_with_the_offset()
    {
        using var folder = new TempDir();
        string sent = folder.File("sent");
        RandomFile.Write(sent, 8 * MiB, seed: 6);
        using var server = HarnessServer.Start("epoll", "unix", "error:errno=ENOSPC,commands=write,offset=5M,length=1/memory:8M");
        string line = Refused(ExitCode.Failed, sent, server.Uri, "--request-size", "64k", "--connections", "2");
        Assert.StartsWith($"harness: {server.Uri}: cannot write 65536 bytes at offset {5 * MiB}: ENOSPC: No space left on device", line, StringComparison.Ordinal);
        Assert.Contains($" of {8 * MiB} bytes were copied, without a gap up to offset ", line, StringComparison.Ordinal);
        Assert.InRange(GapIn(line), 0, 5 * MiB);
    }

    [Theory]
    [InlineData("zero", "cannot zero 8388608 bytes at offset 0: ENOSPC", "; 0 of 8388608 bytes were copied, without a gap up to offset 0", "null:8M")]
    [InlineData("flush", "cannot flush: ENOSPC", "; 8388608 of 8388608 bytes were copied, without a gap up to offset 8388608", "null:8M")]
    [InlineData("read", "cannot read back 65536 bytes at offset 5242880: ENOSPC", "; 8388608 of 8388608 bytes were copied", null)]
    public void Whatever_fails_at_the_destination_is_named(string command, string what, string how, string? source)
    {
        using var folder = new TempDir();
        string sent = folder.File("sent");
        RandomFile.Write(sent, 8 * MiB, seed: 11);
        string range = command == "flush" ? string.Empty : ",offset=5M,length=1";
        using var server = HarnessServer.Start("epoll", "unix", $"error:errno=ENOSPC,commands={command}{range}/memory:8M");
        string[] more = command == "read" ? ["--verify", "--request-size", "64k"] : [];
        string line = Refused(ExitCode.Failed, [source ?? sent, server.Uri, .. more]);
        Assert.StartsWith($"harness: {server.Uri}: {what}", line, StringComparison.Ordinal);
        Assert.Contains(how, line, StringComparison.Ordinal);
    }

    /// <summary>A file system that is full in the middle of the copy: a small one in memory, in a namespace of its own.</summary>
    [SkippableTheory]
    [InlineData("epoll")]
    [InlineData("uring")]
    public void A_disk_that_is_full_is_reported_with_the_offset(string backend)
    {
        string unshare = Requires.Tool("unshare");
        const string Mount = "mount -t tmpfs -o size=3m none \"$1\" && shift && exec \"$@\"";
        using var folder = new TempDir();
        string small = folder.File("small");
        Directory.CreateDirectory(small);
        string[] inside = ["--map-root-user", "--mount", "sh", "-c", Mount, "sh", small];
        Skip.IfNot(Tool.Run(unshare, [.. inside, "true"]).ExitCode == 0, "a file system cannot be mounted here, not even in a user namespace");
        string sent = folder.File("sent");
        RandomFile.Write(sent, 8 * MiB, seed: 12);
        string[] copy = [HarnessServer.Program, "copy", sent, Path.Combine(small, "out"), "--backend", backend, "--request-size", "64k"];
        ToolResult result = Tool.Run(unshare, [.. inside, .. copy]);
        Assert.Equal((int)ExitCode.Failed, result.ExitCode);
        string line = Assert.Single(result.Errors.TrimEnd('\n').Split('\n'));
        Assert.Matches($"^harness: {small}/out: cannot write 65536 bytes at offset [0-9]+: ENOSPC: No space left on device; ", line);
        Assert.InRange(GapIn(line), 1, 3 * MiB);
    }

    /// <summary>nbdcopy did not look at the errors of its reads, and wrote what its buffer held.</summary>
    [Fact]
    public void Cve2022_0485_A_source_that_fails_is_named_and_its_copy_has_failed()
    {
        using var folder = new TempDir();
        using var server = HarnessServer.Start("epoll", "unix", "error:commands=read,offset=3M,length=1/pattern:8M");
        string line = Refused(ExitCode.Failed, server.Uri, folder.File("out"), "--no-extents");
        Assert.StartsWith($"harness: {server.Uri}: cannot read 262144 bytes at offset {3 * MiB}: EIO", line, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void An_end_that_vanishes_is_named(bool isSource)
    {
        using var folder = new TempDir();
        string file = folder.File("file");
        RandomFile.Write(file, 4 * MiB, seed: 7);
        using var server = new FaultyNbdServer(ServerFault.HangsUp, oneIn: 9, diskBytes: 4 * MiB);
        string line = isSource ? Refused(ExitCode.Failed, server.Uri, folder.File("out")) : Refused(ExitCode.Failed, file, server.Uri);
        Assert.Contains("unix:", line, StringComparison.Ordinal);
        Assert.Matches("closed the connection|Connection reset|Broken pipe", line);
        Assert.Contains($" of {4 * MiB} bytes were copied", line, StringComparison.Ordinal);
        int gap = GapIn(line);
        byte[] bytes = File.ReadAllBytes(file);
        ReadOnlySpan<byte> copied = isSource ? File.ReadAllBytes(folder.File("out")) : server.Disk;
        ReadOnlySpan<byte> wanted = isSource ? server.Disk : bytes;
        Assert.True(copied[..gap].SequenceEqual(wanted[..gap]), $"something is missing before offset {gap}");
    }

    [Theory]
    [InlineData(ServerFault.DropsWrites)]
    [InlineData(ServerFault.AnswersWithAStranger)]
    public void Verify_finds_what_was_not_written_or_not_read_rightly(ServerFault fault)
    {
        using var folder = new TempDir();
        string file = folder.File("file");
        RandomFile.Write(file, 4 * MiB, seed: 8);
        using var server = new FaultyNbdServer(fault, oneIn: 50, diskBytes: 4 * MiB);
        string line = Refused(ExitCode.Failed, file, server.Uri, "--verify", "--request-size", "32k", "--connections", "1");
        Assert.True(server.Faults > 0);
        Assert.Matches($"^harness: .* differs from {file} at offset [0-9]+, after the copy$", line);
    }

    [Fact]
    public void A_difference_is_named_to_the_byte()
    {
        using var folder = new TempDir();
        string file = folder.File("file");
        RandomFile.Write(file, 1 * MiB, seed: 9);

        // 16 requests of 64 KiB, one after the other: the tenth is dropped, and its first byte that is not zero is where the ends differ.
        using var server = new FaultyNbdServer(ServerFault.DropsWrites, oneIn: 10, diskBytes: 1 * MiB);
        string line = Refused(ExitCode.Failed, file, server.Uri, "--verify", "--request-size", "64k", "--requests", "1", "--connections", "1");
        int lost = File.ReadAllBytes(file).AsSpan(9 * 65536).IndexOfAnyExcept((byte)0) + (9 * 65536);
        Assert.EndsWith($" differs from {file} at offset {lost}, after the copy", line, StringComparison.Ordinal);
    }

    [Fact]
    public void What_cannot_be_copied_is_refused_in_one_line()
    {
        using var folder = new TempDir();
        (string file, string link) = (folder.File("file"), folder.File("link"));
        RandomFile.Write(file, 2 * MiB, seed: 10);
        File.CreateSymbolicLink(link, file);
        using var small = HarnessServer.Start("epoll", "unix", "memory:1M", "--read-only");
        using var tiny = HarnessServer.Start("epoll", "unix", "memory:1M");
        (string[] Arguments, ExitCode Code, string Words)[] cases =
        [
            ([file, link], ExitCode.Failed, "are the same file; nothing was changed"),
            ([file, small.Uri], ExitCode.Failed, "the export is read-only"),
            ([file, tiny.Uri], ExitCode.Failed, "1048576 too few for the 2097152"),
            ([folder.File("none"), "null:"], ExitCode.Failed, "there is no file"),
            ([file, folder.File("none/out")], ExitCode.Failed, "there is no folder"),
            (["null:", file], ExitCode.Usage, "needs a size, like null:1G"),
            (["null:12q", file], ExitCode.Usage, "unknown unit 'q'"),
            ([file, "null:", "--verify"], ExitCode.Usage, "null: keeps nothing"),
            ([file, $"nbd+unix:///?socket={folder.File("none")}"], ExitCode.Failed, "there is no such socket"),
            ([file, "null:", "--allocated", "--destination-is-zero"], ExitCode.Usage, "exclude each other"),
        ];
        foreach ((string[] arguments, ExitCode code, string words) in cases)
        {
            Assert.Contains(words, Refused(code, arguments), StringComparison.Ordinal);
        }

        Assert.Equal(2 * MiB, new FileInfo(file).Length);
    }

    private static JsonElement Copy(params string[] arguments)
    {
        (int code, string output, string error) = VerbConsole.Invoke(["copy", .. arguments, "--json", "-"]);
        Assert.True(code == 0 && error.Length == 0, $"copy {string.Join(' ', arguments)} ended with {code}: {error}");
        using JsonDocument document = JsonDocument.Parse(output);
        return document.RootElement.Clone();
    }

    /// <summary>The one line that it says.</summary>
    private static string Refused(ExitCode code, params string[] arguments)
    {
        (int ended, string output, string error) = VerbConsole.Invoke(["copy", .. arguments]);
        Assert.Equal(((int)code, ""), (ended, output));
        return Assert.Single(error.TrimEnd('\n').Split('\n'));
    }

    /// <summary>The offset up to which everything was copied, as a line says.</summary>
    private static int GapIn(string line) =>
        int.Parse(line[(line.LastIndexOf(' ') + 1)..], System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>Data, a hole, zeroes that are written, data: 9 MiB that are not zero, however long it is.</summary>
    private static void WriteSparse(string path, long bytes, int seed)
    {
        byte[] data = new byte[3 * MiB];
        var random = new Random(seed);
        using FileStream file = File.Create(path);
        file.SetLength(bytes);
        for (int i = 0; i < Math.Min(3, bytes / (3 * MiB)); i++)
        {
            random.NextBytes(data);
            file.Position = i == 2 ? bytes - data.Length : i * 5 * MiB;
            file.Write(data);
        }

        file.Position = 3 * MiB;
        file.Write(new byte[MiB]);
    }

    private static long Allocated(string path) =>
        long.Parse(Tool.Run("stat", "-c", "%b", path).Succeeded().Output, System.Globalization.CultureInfo.InvariantCulture) * 512;
}
