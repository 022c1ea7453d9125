using System.Net.Sockets;
using Harness.Io;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>Once warm, neither side allocates anything for a request that is answered in chunks. Both ends on one thread, over a real socket.</summary>
public class ChunkSteadyStateTests : IClientRequestHandler, INbdClientHandler
{
    private const int Depth = 32;

    private NbdClient? _client;
    private int _left;
    private int _errors;
    private bool _closed;

    [Theory]
    [InlineData("memory:16M", ReplyForm.Structured)]
    [InlineData("memory:16M", ReplyForm.Extended)]
    [InlineData("null:16M", ReplyForm.Structured)]
    [InlineData("null:16M", ReplyForm.Extended)]
    public void ARequestAllocatesNothing(string chain, ReplyForm form)
    {
        using var loop = new EventLoop(LoopBackends.Create("epoll"));
        using var graph = new BlockGraph(BlockChain.Parse(chain));
        var server = new NbdServer([new NbdExport("disk", graph)], [loop], new NbdServerOptions(), new ServerLog(_ => { }));
        (int fd, int peerFd) = Sockets.Pair();
        server.Serve(new PlainTransport(loop, fd, "client"));
        var options = new NbdClientOptions { ExportName = "disk", Replies = form, MetaContexts = [MetaContext.Allocation] };
        using var client = new NbdClient(new PlainTransport(loop, peerFd, "server"), options, this);
        _client = client;
        client.Start();
        RunUntil(loop, () => client.IsReady);
        using var memory = new NativeBuffer(Depth * 4096);
        ClientRequest[] requests = [.. Enumerable.Range(0, Depth).Select(i => Request(i, memory.Slice(i * 4096, 4096)))];
        for (int i = 0; i < 50; i++)
        {
            Turn(loop, requests);
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++)
        {
            Turn(loop, requests);
        }

        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        client.Disconnect();
        RunUntil(loop, () => _closed && server.Connections == 0);
        server.Loops[0].Dispose();

        // One byte per request would be 3200.
        Assert.InRange(allocated, 0, 500);
        Assert.Equal(0, _errors);
    }

    void IClientRequestHandler.OnCompleted(ClientRequest request, int error)
    {
        _errors += error == 0 ? 0 : 1;
        _left--;
    }

    void INbdClientHandler.OnReady(NbdClient client)
    {
    }

    void INbdClientHandler.OnClosed(NbdClient client, int error, string reason) => _closed = true;

    private ClientRequest Request(int i, NativeSlice memory) => (i % 4) switch
    {
        0 => new ClientRequest(this) { Command = NbdCommand.Write, Offset = (ulong)i * 4096, Length = 4096, Payload = memory },
        1 => new ClientRequest(this) { Command = NbdCommand.BlockStatus, Offset = 0, Length = 1 << 20 },
        _ => new ClientRequest(this) { Command = NbdCommand.Read, Offset = (ulong)i * 4096, Length = 4096, Destination = memory },
    };

    private void Turn(EventLoop loop, ClientRequest[] requests)
    {
        _left = requests.Length;
        foreach (ClientRequest request in requests)
        {
            _client!.Submit(request);
        }

        while (_left > 0)
        {
            loop.RunOnce();
        }
    }

    private static void RunUntil(EventLoop loop, Func<bool> condition)
    {
        while (!condition())
        {
            loop.Post(static () => { });
            loop.RunOnce();
        }
    }
}
