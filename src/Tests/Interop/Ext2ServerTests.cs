namespace Harness.Tests;

/// <summary>Files in an image under load from outside, a server that is killed, and what e2fsprogs find afterwards.</summary>
public sealed class Ext2ServerTests : IDisposable
{
    private const int Files = 4;

    private readonly TempDir _folder = new();

    public static TheoryData<string> Backends { get; } = [.. ServerCases.RawBackends];

    public void Dispose() => _folder.Dispose();

    [SkippableTheory]
    [MemberData(nameof(Backends))]
    public void Eight_connections_and_four_files_survive_a_kill_after_a_flush(string backend)
    {
        var (nbdcopy, qemuIo) = (Requires.Tool("nbdcopy"), Requires.Tool("qemu-io"));
        Skip.If(HarnessServer.IsForeign, "the store is ours");
        var bytes = TestScale.Pick(4 << 20, 256 << 20);
        var image = new Ext2Image(_folder, "-t ext4 -b 4096 -O 64bit,metadata_csum", TestScale.Pick("48M", "2G"), tree =>
        {
            for (var i = 0; i < Files; i++)
            {
                Ext2Image.Sparse(Path.Combine(tree, $"disk{i}"), bytes);
            }
        });
        string[] exports = [.. Enumerable.Range(1, Files - 1).SelectMany(i => (string[])["--export", $"f{i}={image.Chain($"/disk{i}")}"])];
        var views = new byte[Files][];
        using (var server = KilledServer.Start(backend, image.Chain("/disk0"), _folder.File("s"), [.. exports, "--loops", "2"]))
        {
            var ops = TestScale.Pick("6000", "200000");
            Load(server.Uri(""), backend, ["--connections", "8", "--depth", "8", "--ops", ops]);
            string[] few = ["--connections", "2", "--depth", "16", "--ops", ops];
            Task.WaitAll([.. Enumerable.Range(1, Files - 1).Select(i => Task.Run(() => Load(server.Uri($"f{i}"), backend, few)))]);
            for (var i = 0; i < Files; i++)
            {
                var uri = server.Uri(i == 0 ? "" : $"f{i}");
                var view = _folder.File($"view{i}");
                Tool.Run(nbdcopy, uri, view).Succeeded();
                views[i] = File.ReadAllBytes(view);
                Assert.Contains(views[i], b => b != 0);
                Tool.Run(qemuIo, "-f", "raw", "-c", "flush", uri).Succeeded();
            }

            server.Kill();
        }

        image.AssertClean();
        for (var i = 0; i < Files; i++)
        {
            image.AssertHolds($"/disk{i}", views[i]);
        }
    }

    /// <summary>Between two flushes nothing of the file system's own is written, so what the last one left is whole, whenever the server dies.</summary>
    [SkippableTheory]
    [MemberData(nameof(Backends))]
    public void A_kill_in_the_midst_of_writing_leaves_a_file_system_without_faults(string backend)
    {
        var qemuIo = Requires.Tool("qemu-io");
        Skip.If(HarnessServer.IsForeign, "the store is ours");
        for (var round = 0; round < TestScale.Pick(3, 20); round++)
        {
            var image = new Ext2Image(_folder, "-t ext4 -b 1024 -O ^has_journal", "32M", tree =>
            {
                Ext2Image.Sparse(Path.Combine(tree, "disk0"), 8 << 20);
                Ext2Image.Sparse(Path.Combine(tree, "disk1"), 8 << 20);
                RandomFile.Write(Path.Combine(tree, "other"), 1 << 20, seed: round);
            });
            var other = image.Dump("/other");
            string[] more = ["--export", $"f1={image.Chain("/disk1")}", "--loops", "2"];
            using (var server = KilledServer.Start(backend, image.Chain("/disk0"), _folder.File($"s{round}"), more))
            {
                Tool.Run(qemuIo, "-f", "raw", "-c", "write -P 0x5a 0 1M", "-c", "flush", server.Uri("f1")).Succeeded();
                string[] writes = ["--rw", "write", "--connections", "4", "--depth", "8", "--duration", "60s", "--warmup", "0s"];
                using var load = Child.Start(HarnessServer.Program, ["load", server.Uri(""), .. writes]);
                Thread.Sleep(200 + (round * 150));
                server.Kill();
                load.WaitForExit(Tool.Deadline);
            }

            image.AssertClean();
            image.AssertHolds("/other", other);
            Assert.Equal(Enumerable.Repeat((byte)0x5a, 1 << 20), image.Dump("/disk1")[..(1 << 20)]);
        }
    }

    [SkippableTheory]
    [MemberData(nameof(Backends))]
    public void Other_peoples_clients_find_a_disk_like_any_other(string backend)
    {
        var (nbdcopy, nbdinfo, fio, qemuIo) = (Requires.Tool("nbdcopy"), Requires.Tool("nbdinfo"), Requires.Tool("fio"), Requires.Tool("qemu-io"));
        Skip.If(HarnessServer.IsForeign, "the store is ours");
        const int Bytes = 8 << 20;
        var image = new Ext2Image(_folder, "-t ext4 -b 1024", "24M", tree => Ext2Image.Sparse(Path.Combine(tree, "disk"), Bytes));
        var (sent, received) = (_folder.File("sent"), _folder.File("received"));
        RandomFile.Write(sent, 3 << 20, seed: 4);
        using (var file = File.OpenWrite(sent))
        {
            file.SetLength(Bytes);
        }

        using (var server = HarnessServer.Start(backend, block: image.Chain()))
        {
            Tool.Run(nbdcopy, "--flush", "--destination-is-zero", sent, server.Uri).Succeeded();
            Tool.Run(nbdcopy, server.Uri, received).Succeeded();
            RandomFile.AssertSame(sent, received);
            var map = Tool.Run(nbdinfo, "--map", server.Uri).Succeeded().Output;
            Assert.Matches(@"^\s+0\s+3145728\s+0\s+data\s+3145728\s+5242880\s+3\s+hole,zero\s*$", map);
            string[] zeroes = ["-c", "write -z -u 64k 128k", "-c", "read -P 0 64k 128k", "-c", "discard 1M 1M", "-c", "read -P 0 1M 1M"];
            Tool.Run(qemuIo, ["-f", "raw", .. zeroes, server.Uri]).Succeeded();
            Tool.Run(fio,
                "--name=verify", "--ioengine=nbd", $"--uri={server.Uri}", "--rw=randrw", "--bs=4k", "--iodepth=16", "--size=8M", "--randseed=7",
                "--verify=crc32c", "--verify_fatal=1", "--verify_state_save=0", "--output-format=terse").Succeeded();
            Tool.Run(nbdcopy, server.Uri, received).Succeeded();
        }

        image.AssertClean();
        image.AssertHolds("/disk", File.ReadAllBytes(received));
    }

    private static void Load(string uri, string backend, string[] more) => Assert.Contains(
        "all right",
        Tool.Run(HarnessServer.Program, ["load", uri, "--backend", backend, "--rw", "mix:50", "--verify", .. more]).Succeeded().Output,
        StringComparison.Ordinal);

    /// <summary>A server that is to end by SIGKILL.</summary>
    private sealed class KilledServer(Child child, string socket) : IDisposable
    {
        public static KilledServer Start(string backend, string block, string socket, string[] more)
        {
            string[] serve = ["serve", "--block", block, "--listen", $"nbd+unix:///?socket={socket}", "--backend", backend, .. more];
            var child = Child.Start(HarnessServer.Program, serve, null);
            var line = child.NextLine(TimeSpan.FromSeconds(30));
            Skip.If(line is null && child.WaitForExit(TimeSpan.FromSeconds(5)) == 77, $"backend {backend} cannot run here");
            Assert.True(line?.StartsWith("ready ", StringComparison.Ordinal) == true, child.Errors);
            return new KilledServer(child, socket);
        }

        public string Uri(string export) => $"nbd+unix:///{export}?socket={socket}";

        public void Kill()
        {
            child.Signal("KILL");
            child.WaitForExit(TimeSpan.FromSeconds(30));
        }

        public void Dispose() => child.Dispose();
    }
}
