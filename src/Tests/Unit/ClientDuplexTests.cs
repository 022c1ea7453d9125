using System.Net.Sockets;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>
/// Servers that a client with one side would wait for without end, and requests that no socket's buffers can hold: reading goes on while writing is stuck, and
/// the other way round.
/// </summary>
public class ClientDuplexTests
{
    private const int RequestBytes = 4 << 20;

    [Theory]
    [InlineData("epoll", 1, false)]
    [InlineData("epoll", 6, false)]
    [InlineData("uring", 6, false)]
    [InlineData("epoll", 6, true)]
    public void A_server_that_reads_nothing_until_it_has_written_everything(string backend, int depth, bool halfDuplex)
    {
        using var script = ClientScript.Connected(backend, new NbdClientOptions { HalfDuplex = halfDuplex });
        ScriptedRequest[] reads = Submit(script, NbdCommand.Read, depth);
        ulong[] cookies = [.. reads.Select(_ => script.ReadRequest().Cookie)];
        ScriptedRequest[] writes = Submit(script, NbdCommand.Write, depth);
        Serve(script, reads, writes, server =>
        {
            Array.ForEach(cookies, cookie => server.Send(ClientScript.ReplyBytes(cookie, data: new byte[RequestBytes])));
            ulong[] written = [.. writes.Select(_ => ReadRequest(server).Cookie)];
            Array.ForEach(written, cookie => server.Send(ClientScript.ReplyBytes(cookie)));
        });
    }

    [Theory]
    [InlineData("epoll", 1)]
    [InlineData("epoll", 6)]
    [InlineData("uring", 6)]
    public void A_server_that_writes_nothing_until_it_has_read_everything(string backend, int depth)
    {
        using var script = ClientScript.Connected(backend);
        ScriptedRequest[] reads = Submit(script, NbdCommand.Read, depth);
        ScriptedRequest[] writes = Submit(script, NbdCommand.Write, depth);
        Serve(script, reads, writes, server =>
        {
            (NbdCommand Command, ulong Cookie)[] requests = [.. Enumerable.Range(0, 2 * depth).Select(_ => ReadRequest(server))];
            foreach ((NbdCommand command, ulong cookie) in requests)
            {
                server.Send(ClientScript.ReplyBytes(cookie, data: command == NbdCommand.Read ? new byte[RequestBytes] : null));
            }
        });
    }

    [Theory]
    [InlineData("epoll", false)]
    [InlineData("uring", false)]
    [InlineData("epoll", true)]
    public void A_batch_of_reads_and_writes_before_a_server_that_does_one_thing_at_a_time(string backend, bool halfDuplex)
    {
        using var script = ClientScript.Connected(backend, new NbdClientOptions { HalfDuplex = halfDuplex });
        ScriptedRequest[] reads = new ScriptedRequest[5];
        ScriptedRequest[] writes = new ScriptedRequest[5];
        for (int i = 0; i < reads.Length; i++)
        {
            reads[i] = Submit(script, NbdCommand.Read, 1)[0];
            writes[i] = Submit(script, NbdCommand.Write, 1)[0];
        }

        Serve(script, reads, writes, server =>
        {
            for (int i = 0; i < reads.Length + writes.Length; i++)
            {
                (NbdCommand command, ulong cookie) = ReadRequest(server);
                server.Send(ClientScript.ReplyBytes(cookie, data: command == NbdCommand.Read ? new byte[RequestBytes] : null));
            }
        });
    }

    private static ScriptedRequest[] Submit(ClientScript script, NbdCommand command, int count)
    {
        ScriptedRequest[] requests = [.. Enumerable.Range(0, count).Select(_ => new ScriptedRequest(command, 0, RequestBytes))];
        Array.ForEach(requests, request => script.Client.Submit(request.Request));
        return requests;
    }

    /// <summary>The server on a thread of its own, in blocking calls; the client's loop runs here until every request has ended.</summary>
    private static void Serve(ClientScript script, ScriptedRequest[] reads, ScriptedRequest[] writes, Action<Socket> serve)
    {
        Exception? trouble = null;
        script.Server.SendTimeout = 20_000;
        var server = new Thread(() => trouble = Record.Exception(() => serve(script.Server)));
        server.Start();
        script.RunUntil(() => reads.Concat(writes).All(request => request.Ends == 1) || trouble is not null, "all requests end");
        server.Join();
        Assert.Null(trouble);
        foreach (ScriptedRequest request in reads.Concat(writes))
        {
            request.ExpectEnd(0);
            request.Dispose();
        }
    }

    private static (NbdCommand Command, ulong Cookie) ReadRequest(Socket server)
    {
        byte[] header = Receive(server, 28);
        var command = (NbdCommand)System.Buffers.Binary.BinaryPrimitives.ReadUInt16BigEndian(header.AsSpan(6));
        if (command == NbdCommand.Write)
        {
            Receive(server, (int)System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(24)));
        }

        return (command, System.Buffers.Binary.BinaryPrimitives.ReadUInt64BigEndian(header.AsSpan(8)));
    }

    private static byte[] Receive(Socket server, int count)
    {
        byte[] bytes = new byte[count];
        for (int got = 0; got < count;)
        {
            int now = server.Receive(bytes, got, count - got, SocketFlags.None);
            Assert.NotEqual(0, now);
            got += now;
        }

        return bytes;
    }
}
