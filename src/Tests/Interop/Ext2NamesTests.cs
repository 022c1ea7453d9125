using System.Text;
using static Harness.Tests.RawNbd;

namespace Harness.Tests;

/// <summary>Files of an image that clients choose by the export's name; the image's own chain in the graph; and other processes that want the image.</summary>
public sealed class Ext2NamesTests : IDisposable
{
    private readonly TempDir _folder = new();

    public void Dispose() => _folder.Dispose();

    [SkippableFact]
    public void The_name_of_the_export_chooses_the_file_and_each_wrong_one_is_told_why()
    {
        Skip.If(HarnessServer.IsForeign, "the store is ours");
        var image = Make();
        using HarnessServer server = HarnessServer.Start("epoll", block: $"ext2:image={image.Path}", more: ["--control", _folder.File("c")]);
        using RawNbd client = Begin(server);
        foreach ((string name, string why) in new[]
        {
            ("", "exports are files of an image here"),
            ("disk0", "does not begin with a slash"),
            ("/none", "there is no such file"),
            ("/", "it is a directory"),
            ("/folder", "it is a directory"),
            ("/disk0/more", "leads through something that is no directory"),
            ("/link", "it is a symbolic link"),
            ("/folder/circle/x", "leads round in circles"),
            ("/empty", "it is empty"),
            ("/disk0\n", "control characters"),
            ("/" + new string('x', 4000), "there is no such file"),
            ("/../../../etc/passwd", "there is no such file"),
        })
        {
            foreach (uint option in (uint[])[Info, Go])
            {
                client.Send(Option(option, InfoData(name)));
                string text = Encoding.UTF8.GetString(client.Expect(option, ErrUnknown));
                Assert.Contains(why, text, StringComparison.Ordinal);
                Assert.DoesNotContain(_folder.Path, text, StringComparison.Ordinal);
            }
        }

        // A name is listed nowhere, and the same client goes on to a file, by ways that lead out of every folder and through links.
        client.Send(Option(List, []));
        client.Expect(List, RepAck);
        client.Send(Option(Go, InfoData("/folder/../../way/disk1")));
        client.ExpectInfos(Go);
        client.Send(Request(Read, 1, 0, 512));
        client.ExpectReply(1, 0);
        Assert.Equal(Enumerable.Repeat((byte)'1', 512), client.Receive(512));
        using RawNbd old = Begin(server);
        old.Send(Option(ExportName, Encoding.UTF8.GetBytes("/none")));
        old.ExpectDrop();
        string graph = CtlProcessTests.Ctl(_folder.File("c"), "graph").Succeeded().Output;
        Assert.Contains("export '/folder/../../way/disk1'", graph, StringComparison.Ordinal);
        Assert.Contains($"file:{image.Path}", graph, StringComparison.Ordinal);
    }

    [SkippableFact]
    public void Clients_of_one_name_share_an_export_that_goes_with_the_last_of_them()
    {
        Skip.If(HarnessServer.IsForeign, "the store is ours");
        var (nbdinfo, qemuIo) = (Requires.Tool("nbdinfo"), Requires.Tool("qemu-io"));
        var image = Make();
        string control = _folder.File("c");
        using (HarnessServer server = HarnessServer.Start("uring", block: $"stats/ext2:image={image.Path}", more: ["--control", control, "--loops", "2"]))
        {
            string Uri(string name) => server.Uri.Replace(":///", $":///{name}", StringComparison.Ordinal);
            using RawNbd one = Begin(server), two = Begin(server), three = Begin(server);
            foreach ((RawNbd client, string name) in new[] { (one, "/disk0"), (two, "/disk0"), (three, "/folder/../disk0") })
            {
                client.Send(Option(Go, InfoData(name)));
                client.ExpectInfos(Go);
            }

            one.Send(Request(Write, 1, 1000, 4), [1, 2, 3, 4]);
            one.ExpectReply(1, 0);
            foreach (RawNbd client in (RawNbd[])[two, three])
            {
                client.Send(Request(Read, 2, 1000, 4));
                client.ExpectReply(2, 0);
                Assert.Equal([1, 2, 3, 4], client.Receive(4));
            }

            string graph = CtlProcessTests.Ctl(control, "graph").Succeeded().Output;
            Assert.Contains("export '/disk0'  64k, parallel, 2 clients", graph, StringComparison.Ordinal);
            Assert.Contains("export '/folder/../disk0'  64k, parallel, 1 client", graph, StringComparison.Ordinal);
            CtlProcessTests.Ctl(control, "stats").Succeeded();

            // Held while all is: also what is named only now.
            CtlProcessTests.Ctl(control, "drain", "--all").Succeeded();
            using RawNbd late = Begin(server);
            late.Send(Option(Go, InfoData("/disk1")));
            late.ExpectInfos(Go);
            late.Send(Request(Read, 1, 0, 1));
            Assert.Contains("export '/disk1'  64k, parallel, 1 client  [held by ctl drain]", CtlProcessTests.Ctl(control, "graph").Succeeded().Output, StringComparison.Ordinal);
            CtlProcessTests.Ctl(control, "resume", "--all").Succeeded();
            late.ExpectReply(1, 0);
            Assert.Equal((byte)'1', late.Receive(1)[0]);

            Assert.Contains("export-size: 65536", Tool.Run(nbdinfo, Uri("/disk1")).Succeeded().Output, StringComparison.Ordinal);
            Assert.DoesNotContain("export=", Tool.Run(nbdinfo, "--list", server.Uri).Output, StringComparison.Ordinal);
            Tool.Run(qemuIo, "-f", "raw", "-c", "write -P 7 0 4k", "-c", "flush", Uri("/disk1")).Succeeded();
        }

        image.AssertClean();
        Assert.Equal([.. Enumerable.Repeat((byte)7, 4096), .. Enumerable.Repeat((byte)'1', 61440)], image.Dump("/disk1"));
    }

    [SkippableFact]
    public void A_node_inside_the_images_chain_is_drained_and_changed_under_load_and_its_thread_model_counts()
    {
        Skip.If(HarnessServer.IsForeign, "the store is ours");
        var image = Make(bytes: 4 << 20);
        string control = _folder.File("c");
        string chain = $"ext2:image=stats/delay:write=20us/file:{image.Path},file=/disk0";
        using (HarnessServer server = HarnessServer.Start("epoll", block: chain, more: ["--control", control, "--loops", "2"]))
        {
            string[] load = ["load", server.Uri, "--rw", "mix:50", "--connections", "2", "--depth", "8", "--duration", TestScale.Pick("2s", "30s"), "--verify"];
            Task<ToolResult> verified = Task.Run(() => Tool.Run(HarnessServer.Program, load));
            for (int cycle = 0; !verified.IsCompleted && cycle < 1000; cycle++)
            {
                string node = cycle % 2 == 0 ? "file0" : "delay0";
                CtlProcessTests.Ctl(control, "drain", node).Succeeded();
                Assert.Contains("[held by ctl drain]", CtlProcessTests.Ctl(control, "graph").Succeeded().Output, StringComparison.Ordinal);
                CtlProcessTests.Ctl(control, "insert", "stats", "--above", node, "--id", "inside").Succeeded();
                CtlProcessTests.Ctl(control, "resume", node).Succeeded();
                CtlProcessTests.Ctl(control, "remove", "inside").Succeeded();
            }

            Assert.Contains("all right", verified.GetAwaiter().GetResult().Succeeded().Output, StringComparison.Ordinal);
        }

        image.AssertClean();
        string strict = $"ext2:image=noparallel:serialize=all-requests/file:{image.Path},file=/disk0";
        using HarnessServer careful = HarnessServer.Start("epoll", block: strict, more: ["--control", control]);
        Assert.Contains("serialize-all-requests, 0 clients", CtlProcessTests.Ctl(control, "graph").Succeeded().Output, StringComparison.Ordinal);
    }

    [SkippableFact]
    public void An_image_that_is_written_belongs_to_one_process_and_one_that_is_read_to_all()
    {
        Skip.If(HarnessServer.IsForeign, "the store is ours");
        string qemuIo = Requires.Tool("qemu-io");
        var image = Make();
        using (HarnessServer server = HarnessServer.Start("epoll", block: image.Chain("/disk0")))
        {
            foreach (string[] more in (string[][])[[], ["--read-only"]])
            {
                ToolResult second = Serve(image, more);
                Assert.Equal(1, second.ExitCode);
                Assert.Contains($"the image 'file:{image.Path}' is ", second.Errors, StringComparison.Ordinal);
                Assert.Single(second.Errors.Trim().Split('\n'));
            }

            Assert.NotEqual(0, Tool.Run(qemuIo, "-f", "raw", "-c", "write 0 512", image.Path).ExitCode);
        }

        using HarnessServer reader = HarnessServer.Start("epoll", block: image.Chain("/disk0"), more: ["--read-only"]);
        using HarnessServer other = HarnessServer.Start("epoll", block: image.Chain("/disk1"), more: ["--read-only"]);
        Assert.Contains("is in use by another process", Serve(image, []).Errors, StringComparison.Ordinal);
    }

    [SkippableTheory]
    [InlineData("--export files={0}", "the export can have no name 'files'")]
    [InlineData("--block {0} --export a=null:1M --fill", "--fill needs exports that are there at the start")]
    [InlineData("--node disk={0} --block @disk", "file= is missing")]
    [InlineData("--block ext2:image=noparallel/file:IMAGE", "'noparallel' in the image does not allow")]
    public void What_clients_cannot_name_is_refused_at_the_start(string options, string line)
    {
        var image = Make();
        string text = options.Replace("{0}", "ext2:image=IMAGE", StringComparison.Ordinal).Replace("IMAGE", image.Path, StringComparison.Ordinal);
        (int code, string _, string error) = VerbConsole.Invoke(["serve", "--listen", $"nbd+unix:///?socket={_folder.File("s")}", .. text.Split(' ')]);
        Assert.InRange(code, 1, 2);
        Assert.Contains(line, error, StringComparison.Ordinal);
    }

    private static RawNbd Begin(HarnessServer server)
    {
        var client = new RawNbd(server);
        client.Send(Be(FixedNewstyle | NoZeroes));
        return client;
    }

    private Ext2Image Make(int bytes = 65_536) => new(_folder, "-t ext4 -b 1024 -O ^has_journal", "16M", tree =>
    {
        for (int i = 0; i < 2; i++)
        {
            File.WriteAllBytes(Path.Combine(tree, $"disk{i}"), [.. Enumerable.Repeat((byte)('0' + i), bytes)]);
        }

        File.WriteAllBytes(Path.Combine(tree, "empty"), []);
        Directory.CreateDirectory(Path.Combine(tree, "folder"));
        File.CreateSymbolicLink(Path.Combine(tree, "link"), "/disk0");
        File.CreateSymbolicLink(Path.Combine(tree, "way"), "folder/..");
        File.CreateSymbolicLink(Path.Combine(tree, "folder", "circle"), "/folder/circle");
    });

    private ToolResult Serve(Ext2Image image, string[] more) =>
        Tool.Run(HarnessServer.Program, ["serve", "--block", image.Chain("/disk0"), "--listen", $"nbd+unix:///?socket={_folder.File("t")}", .. more]);
}
