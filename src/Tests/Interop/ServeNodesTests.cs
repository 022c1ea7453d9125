using static Harness.Tests.RawNbd;

namespace Harness.Tests;

/// <summary>Nodes with IDs on the command line, and the end of a server whose block does not answer.</summary>
public sealed class ServeNodesTests
{
    [Fact]
    public void Two_exports_share_a_node()
    {
        string[] more = ["--node", "disk=memory:1M", "--export", "fast=@disk", "--export", "slow=stats/delay:write=1ms/@disk"];
        using var server = HarnessServer.Start("epoll", block: "cow/@disk", more: more);
        using RawNbd fast = Enter(server, "fast");
        using RawNbd slow = Enter(server, "slow");
        using RawNbd apart = Enter(server, "");
        byte[] data = [.. Enumerable.Range(0, 512).Select(at => (byte)at)];
        slow.Send(Request(Write, 1, 4096, 512), data);
        slow.ExpectReply(1, 0);
        foreach (RawNbd client in (RawNbd[])[fast, apart])
        {
            client.Send(Request(Read, 2, 4096, 512));
            client.ExpectReply(2, 0);
            Assert.Equal(data, client.Receive(512));
        }

        server.Stop();
        Assert.Contains("stats: WRITE 1 request", server.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_not_done_within_five_seconds_of_SIGTERM_is_answered_with_ESHUTDOWN_and_the_server_ends_with_1()
    {
        using var server = HarnessServer.Start("epoll", block: "delay:read=3600s/memory:1M");
        using RawNbd client = Enter(server, "");
        client.Send(Request(Read, 1, 0, 512));
        client.Send(Request(Read, 2, 512, 512));
        client.Send(Request(Write, 3, 0, 1), [1]);
        client.ExpectReply(3, 0);
        Assert.Equal(1, server.Terminate());
        client.ExpectReply(1, 108);
        client.ExpectReply(2, 108);
        client.ExpectDrop();
        Assert.Contains("2 requests in flight are answered with ESHUTDOWN: the drain took longer than 5 s", server.Errors, StringComparison.Ordinal);
        Assert.Contains("never completed: READ of 512 bytes at 512 on delay:read=3600s/memory:1M", server.Errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--node disk", "--node: 'disk' is not ID=CHAIN, like disk=memory:1G")]
    [InlineData("--node 1st=memory:1M --block @1st", "--node 1st=memory:1M: '1st' is no ID: write a letter, then letters, digits, '_', '-' and dots, at most 64 in all")]
    [InlineData("--node a=null:1M --node a=null:1M --block @a", "--node a=null:1M: there is a node 'a' already; choose another ID")]
    [InlineData("--node a=null:1M --node b=@a --block @b", "--node b=@a: '@a' is the node 'a' itself, which cannot have a second ID")]
    [InlineData("--node disk=null:1M --block stats/@dusk", "--block stats/@dusk: there is no node 'dusk': did you mean 'disk'?; there are disk")]
    [InlineData("--block @disk", "--block @disk: there is no node 'disk'; no node has been made yet")]
    [InlineData("--node disk=null:1M", "--node disk is served under no name; give --block @disk, or --export NAME=@disk")]
    [InlineData("--node disk=null:1M --block blocksize:minimum=3/@disk", "--block blocksize:minimum=3/@disk: 'blocksize': minimum=3 is not a power of two from 1 to 65536")]
    public void A_wrong_node_is_one_line(string options, string line)
    {
        using var folder = new TempDir();
        (int code, string _, string error) = VerbConsole.Invoke(["serve", "--listen", $"nbd+unix:///?socket={folder.File("s")}", .. options.Split(' ')]);
        Assert.Equal(2, code);
        Assert.Contains(line, error, StringComparison.Ordinal);
    }

    private static RawNbd Enter(HarnessServer server, string name)
    {
        var client = new RawNbd(server);
        client.Send(Be(FixedNewstyle | NoZeroes), Option(Go, InfoData(name)));
        client.ExpectInfos(Go);
        return client;
    }
}
