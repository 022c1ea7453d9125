using System.Text.Json;
using Harness.Ctl;
using Harness.Io;
using static Harness.Tests.RawNbd;

namespace Harness.Tests;

/// <summary><c>harness ctl SOCKET copy</c>: a store is changed for another under load, and no client can tell.</summary>
public sealed class CtlCopyTests
{
    public static TheoryData<string> Backends => [.. TestScale.Pick(["epoll"], LoopBackends.All)];

    [SkippableTheory]
    [MemberData(nameof(Backends))]
    public void Under_verified_load_a_disk_moves_from_store_to_store_and_back_to_another(string backend)
    {
        using var folder = new TempDir();
        string control = folder.File("c");
        string[] more = ["--loops", "2", "--control", control];
        using HarnessServer server = HarnessServer.Start(backend, block: "stats/memory:32M", more: more);
        string[] load = ["load", server.Uri, "--rw", "mix:50", "--connections", "4", "--depth", "16", "--duration", TestScale.Pick("4s", "60s"), "--verify"];
        Task<ToolResult> verified = Task.Run(() => Tool.Run(HarnessServer.Program, load));
        string node = "memory0";
        int copies = 0;
        while (!verified.IsCompleted)
        {
            string next = $"disk{copies}";
            ToolResult copy = CtlProcessTests.Ctl(control, "copy", node,
                copies % 2 == 0 ? "delay:write=10us/memory:32M" : "memory:32M", "--id", next).Succeeded();
            Assert.Contains($"copy {node}: 32M in ", copy.Output, StringComparison.Ordinal);
            node = next;
            copies++;
        }

        Assert.Contains("all right", verified.GetAwaiter().GetResult().Succeeded().Output, StringComparison.Ordinal);
        Assert.True(copies > 1, $"the load ended after {copies} copies");

        // Nothing is left of the copies, and of the nodes that have gone.
        Assert.Equal(["stats0", node], Nodes(control).Where(id => !id.StartsWith("memory", StringComparison.Ordinal)));
    }

    [SkippableFact]
    public void What_clients_have_written_is_in_the_file_and_zeroes_take_no_space_there()
    {
        using var folder = new TempDir();
        string control = folder.File("c");
        (string from, string to) = (folder.File("from"), folder.File("to"));
        RandomFile.Write(from, 4 << 20, seed: 5);
        foreach (string path in (string[])[from, to])
        {
            using FileStream file = new(path, FileMode.OpenOrCreate);
            file.SetLength(64 << 20);
        }

        using (HarnessServer server = HarnessServer.Start("epoll", block: $"file:{from}", more: ["--control", control]))
        {
            using var client = new RawNbd(server);
            client.Send(Be(FixedNewstyle | NoZeroes), Option(ExportName, []));
            client.Receive(10);
            CtlProcessTests.Ctl(control, "copy", "file0", $"file:{to}").Succeeded();
            RandomFile.AssertSame(from, to);
            client.Send(Request(Write, 1, 1 << 20, 4096), [.. Enumerable.Repeat((byte)7, 4096)]);
            client.ExpectReply(1, 0);
        }

        using FileStream written = File.OpenRead(to);
        written.Position = 1 << 20;
        byte[] block = new byte[4096];
        written.ReadExactly(block);
        Assert.All(block, b => Assert.Equal(7, b));
        Assert.InRange(long.Parse(Tool.Run("stat", "-c", "%b", to).Succeeded().Output.Trim()), 1, (8 << 20) / 512);
    }

    [SkippableFact]
    public void A_drain_pauses_it_and_whoever_hangs_up_cancels_it()
    {
        using var folder = new TempDir();
        string control = folder.File("c");
        using HarnessServer server = HarnessServer.Start("epoll", block: "memory:64M", more: ["--control", control, "--fill"]);
        using var other = new ControlClient(control);
        other.Ask(new ControlRequest { Command = ControlWords.Drain });
        using (var client = new ControlClient(control))
        {
            // The filter of the copy is put in within the drain; its requests wait.
            client.Send(new ControlRequest { Command = ControlWords.Copy, Node = "memory0", Chain = "memory:64M" });
            for (int i = 0; i < 3; i++)
            {
                Assert.Equal(0, client.Take().GetProperty("copied_bytes").GetInt64());
            }

            other.Ask(new ControlRequest { Command = ControlWords.Resume });
            JsonElement answer;
            do
            {
                answer = client.Take();
            }
            while (answer.TryGetProperty("copied_bytes", out _));
            Assert.Equal("memory0-copy", answer.GetProperty("new_node").GetString());
        }

        using (var client = new ControlClient(control))
        {
            client.Send(new ControlRequest { Command = ControlWords.Copy, Node = "memory0-copy", Chain = "delay:write=200ms/memory:64M", NewId = "never" });
            client.Take();
        }

        for (int i = 0; i < 1000 && !Nodes(control).SequenceEqual(["memory0-copy"]); i++)
        {
            Thread.Sleep(10);
        }

        Assert.Equal(["memory0-copy"], Nodes(control));
    }

    [SkippableFact]
    public void A_copy_that_fails_leaves_everything_as_it_was()
    {
        using var folder = new TempDir();
        string control = folder.File("c");
        using HarnessServer server = HarnessServer.Start("epoll", block: "memory:8M", more: ["--control", control, "--fill"]);
        (string Chain, string Line)[] cases =
        [
            ("memory:4M", "that has 4194304 bytes, and memory0 has 8388608; the size must be the same"),
            ("error:commands=write,offset=5M,length=4k/memory:8M", "WRITE of 262144 bytes at 5242880"),
            ("readonly/memory:8M", "that is read-only"),
        ];
        foreach ((string chain, string line) in cases)
        {
            ToolResult copy = CtlProcessTests.Ctl(control, "copy", "memory0", chain);
            Assert.Equal(1, copy.ExitCode);
            Assert.Contains(line, copy.Errors, StringComparison.Ordinal);
            Assert.Equal(1, copy.Errors.Count(letter => letter == '\n'));
            Assert.Equal(["memory0"], Nodes(control));
        }
    }

    private static string[] Nodes(string control)
    {
        using var client = new ControlClient(control);
        return [.. client.Ask(new ControlRequest { Command = ControlWords.Graph }).GetProperty("nodes").EnumerateArray().Select(node => node.GetProperty("id").GetString()!)];
    }
}
