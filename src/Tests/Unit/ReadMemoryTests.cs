using Harness.Io;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>READs whose memory is asked for when their data is there (<see cref="IReadMemory"/>).</summary>
public sealed class ReadMemoryTests : IClientRequestHandler, IReadMemory, IDisposable
{
    private const int Bytes = 100_000;
    private const ushort Done = 1, Data = 1, Hole = 2;

    private readonly NativeBuffer _memory = new(Bytes, clear: true);
    private readonly List<ClientRequest> _asked = [];
    private readonly List<(ClientRequest Request, int Error)> _ended = [];

    public void Dispose() => _memory.Dispose();

    NativeSlice IReadMemory.MemoryFor(ClientRequest request)
    {
        _asked.Add(request);
        return _memory.Slice(0, (int)request.Length);
    }

    void IClientRequestHandler.OnCompleted(ClientRequest request, int error) => _ended.Add((request, error));

    [Theory]
    [ClassData(typeof(ClientBackends))]
    public void Memory_is_asked_for_once_when_data_comes_and_never_for_an_error(string backend)
    {
        using var script = ClientScript.Connected(backend);
        ClientRequest fails = Submit(script, 0, Bytes);
        ClientRequest reads = Submit(script, 0, Bytes);
        ulong[] cookies = [script.ReadRequest().Cookie, script.ReadRequest().Cookie];
        script.RunFor(5);
        Assert.Empty(_asked);
        script.Reply(cookies[0], error: 5);
        byte[] data = Wire.Data(1, Bytes);
        byte[] reply = ClientScript.ReplyBytes(cookies[1], data: data);
        script.Server.Send(reply.AsSpan(0, 20));
        script.RunUntil(() => _asked.Count > 0, "the first data has come");
        var sender = new Thread(() => script.Server.Send(reply.AsSpan(20)));
        sender.Start();
        script.RunUntil(() => _ended.Count == 2, "both have ended");
        sender.Join();
        Assert.Equal([(fails, 5), (reads, 0)], _ended);
        Assert.Equal([reads], _asked);
        Assert.Equal(data, _memory.Whole.Span.ToArray());
    }

    [Fact]
    public void Chunks_of_one_reply_share_what_the_first_of_them_asked_for()
    {
        using var script = ClientScript.Connected("epoll", new NbdClientOptions { Replies = ReplyForm.Structured });
        _memory.Whole.Span.Fill(7);
        ClientRequest read = Submit(script, 4096, 48);
        ulong cookie = script.ReadRequest().Cookie;
        script.Server.Send([
            .. Wire.Chunk(cookie, 0, Hole, Wire.HoleAt(4096 + 16, 16)),
            .. Wire.Chunk(cookie, 0, Data, Wire.DataAt(4096 + 32, Wire.Data(2, 16))),
            .. Wire.Chunk(cookie, Done, Data, Wire.DataAt(4096, Wire.Data(3, 16))),
        ]);
        script.RunUntil(() => _ended.Count == 1, "it has ended");
        Assert.Equal((read, 0), _ended[0]);
        Assert.Equal([read], _asked);
        Assert.Equal([.. Wire.Data(3, 16), .. new byte[16], .. Wire.Data(2, 16), 7], _memory.Slice(0, 49).Span.ToArray());
    }

    [Fact]
    public void A_request_that_is_submitted_again_asks_again_only_without_a_destination()
    {
        using var script = ClientScript.Connected("epoll");
        ClientRequest read = Submit(script, 0, 8);
        script.Reply(script.ReadRequest().Cookie, data: Wire.Data(1, 8));
        script.RunUntil(() => _ended.Count == 1, "it has ended");
        script.Client.Submit(read);
        script.Reply(script.ReadRequest().Cookie, data: Wire.Data(2, 8));
        script.RunUntil(() => _ended.Count == 2, "it has ended again");
        Assert.Single(_asked);
        read.Destination = default;
        script.Client.Submit(read);
        script.Reply(script.ReadRequest().Cookie, data: Wire.Data(3, 8));
        script.RunUntil(() => _ended.Count == 3, "and a third time");
        Assert.Equal(2, _asked.Count);
        Assert.Equal(Wire.Data(3, 8), _memory.Slice(0, 8).Span.ToArray());
    }

    private ClientRequest Submit(ClientScript script, ulong offset, int bytes)
    {
        var request = new ClientRequest(this) { Command = NbdCommand.Read, Offset = offset, Length = (ulong)bytes, Memory = this };
        script.Client.Submit(request);
        return request;
    }
}
