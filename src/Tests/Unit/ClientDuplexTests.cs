using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;
using Harness.Matrix;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>
/// Servers that a client with one side would wait for without end, and requests that no socket's buffers can hold: reading goes on while writing is stuck, and
/// the other way round; the same in the negotiation.
/// </summary>
public class ClientDuplexTests
{
    /// <summary>Every way in which the sides may work, at several depths and on both kinds of backend.</summary>
    public static TheoryData<string, int, string> Ways()
    {
        var all = new TheoryData<string, int, string>();
        foreach (string duplex in Vocabulary.Duplexes)
        {
            all.Add("epoll", 1, duplex);
            all.Add("epoll", 6, duplex);
            all.Add("uring", 6, duplex);
            all.Add("epoll", 32, duplex);
        }

        return all;
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void A_server_that_reads_nothing_until_it_has_written_everything(string backend, int depth, string duplex)
    {
        using var script = ClientScript.Connected(backend, duplex);
        ScriptedRequest[] reads = Submit(script, NbdCommand.Read, depth);
        ulong[] cookies = [.. reads.Select(_ => script.ReadRequest().Cookie)];
        ScriptedRequest[] writes = Submit(script, NbdCommand.Write, depth);
        Serve(script, reads, writes, server =>
        {
            Array.ForEach(cookies, cookie => server.Send(ClientScript.ReplyBytes(cookie, data: new byte[RequestBytes(depth)])));
            ulong[] written = [.. writes.Select(_ => ReadRequest(server).Cookie)];
            Array.ForEach(written, cookie => server.Send(ClientScript.ReplyBytes(cookie)));
        });
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void A_server_that_writes_nothing_until_it_has_read_everything(string backend, int depth, string duplex)
    {
        using var script = ClientScript.Connected(backend, duplex);
        ScriptedRequest[] reads = Submit(script, NbdCommand.Read, depth);
        ScriptedRequest[] writes = Submit(script, NbdCommand.Write, depth);
        Serve(script, reads, writes, server =>
        {
            (NbdCommand Command, ulong Cookie)[] requests = [.. Enumerable.Range(0, 2 * depth).Select(_ => ReadRequest(server))];
            foreach ((NbdCommand command, ulong cookie) in requests)
            {
                server.Send(ClientScript.ReplyBytes(cookie, data: command == NbdCommand.Read ? new byte[RequestBytes(depth)] : null));
            }
        });
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void A_batch_of_reads_and_writes_before_a_server_that_does_one_thing_at_a_time(string backend, int depth, string duplex)
    {
        using var script = ClientScript.Connected(backend, duplex);
        ScriptedRequest[] reads = new ScriptedRequest[depth];
        ScriptedRequest[] writes = new ScriptedRequest[depth];
        for (int i = 0; i < depth; i++)
        {
            reads[i] = Submit(script, NbdCommand.Read, 1, RequestBytes(depth))[0];
            writes[i] = Submit(script, NbdCommand.Write, 1, RequestBytes(depth))[0];
        }

        Serve(script, reads, writes, server =>
        {
            for (int i = 0; i < reads.Length + writes.Length; i++)
            {
                (NbdCommand command, ulong cookie) = ReadRequest(server);
                server.Send(ClientScript.ReplyBytes(cookie, data: command == NbdCommand.Read ? new byte[RequestBytes(depth)] : null));
            }
        });
    }

    /// <summary>
    /// The longest option that a client has, of 64 contexts with long names, and a server that answers all of it before it reads more than its beginning.
    /// Neither direction fits into the sockets' buffers.
    /// </summary>
    [Theory]
    [InlineData("epoll")]
    [InlineData("uring")]
    public void A_server_that_negotiates_before_it_has_read_what_it_answers(string backend)
    {
        string[] contexts = [.. Enumerable.Range(0, 64).Select(i => $"x:{i}".PadRight(Limits.MaxStringBytes, 'x'))];
        var options = new NbdClientOptions { Replies = ReplyForm.Structured, MetaContexts = contexts };
        using var script = new ClientScript(backend, options);
        script.Client.Start();
        script.Greet();
        Assert.Empty(script.ExpectOption(NbdOption.StructuredReply));
        script.SendOptionReply(NbdOption.StructuredReply, 1, []);
        byte[] option = script.Read(16);
        int length = (int)BinaryPrimitives.ReadUInt32BigEndian(option.AsSpan(12));
        Assert.InRange(length, 64 * Limits.MaxStringBytes, int.MaxValue);
        script.Server.SendTimeout = 20_000;
        Exception? trouble = null;
        var server = new Thread(() => trouble = Record.Exception(() =>
        {
            for (int i = 0; i < contexts.Length; i++)
            {
                script.SendOptionReply(NbdOption.SetMetaContext, 4, [.. Wire.U32((uint)i), .. Encoding.UTF8.GetBytes(contexts[i])]);
            }

            script.SendOptionReply(NbdOption.SetMetaContext, 1, []);
            Receive(script.Server, length);

            // Only then may the next option come.
            Receive(script.Server, 16 + 4 + 2 + 2);
            script.SendInfoExport(NbdOption.Go, ClientScript.ExportBytes);
            script.SendOptionReply(NbdOption.Go, 1, []);
        }));
        server.Start();
        script.RunUntil(() => script.IsReady || script.IsClosed || trouble is not null, "the handshake is over");
        server.Join();
        Assert.Null(trouble);
        Assert.True(script.IsReady, script.Reason);
        Assert.Equal(contexts, script.Client.MetaContexts.Select(context => context.Name));
    }

    /// <summary>Much more than the sockets' buffers hold, all together.</summary>
    private static int RequestBytes(int depth) => depth > 8 ? 1 << 20 : 4 << 20;

    private static ScriptedRequest[] Submit(ClientScript script, NbdCommand command, int count) => Submit(script, command, count, RequestBytes(count));

    private static ScriptedRequest[] Submit(ClientScript script, NbdCommand command, int count, int bytes)
    {
        ScriptedRequest[] requests = [.. Enumerable.Range(0, count).Select(_ => new ScriptedRequest(command, 0, (uint)bytes))];
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
        var command = (NbdCommand)BinaryPrimitives.ReadUInt16BigEndian(header.AsSpan(6));
        if (command == NbdCommand.Write)
        {
            Receive(server, (int)BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(24)));
        }

        return (command, BinaryPrimitives.ReadUInt64BigEndian(header.AsSpan(8)));
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
