using System.Net;
using Harness.Io;
using Harness.Io.Native;

namespace Harness.Tests;

/// <content>Accepting and connecting.</content>
public abstract partial class LoopBackendContract
{
    [Theory]
    [InlineData("unix")]
    [InlineData("127.0.0.1")]
    [InlineData("::1")]
    public void Accept_and_connect_meet(string where)
    {
        using var test = new LoopHarness(Backend);
        string path = Path.Combine(Path.GetTempPath(), $"hl-{Guid.NewGuid():N}"[..16]);
        SocketEndpoint Endpoint(int port) => where == "unix" ? SocketEndpoint.Unix(path) : SocketEndpoint.Internet(IPAddress.Parse(where), port);
        using SocketEndpoint any = Endpoint(0);
        int listener = Sockets.Listen(any);
        using SocketEndpoint target = Endpoint(where == "unix" ? 0 : Sockets.LocalPort(listener));
        var accept = new Recorded();
        var connect = new Recorded();
        test.Loop.Accept(accept.Operation, listener);
        test.RunFor(1);
        int client = Sockets.Create(target);
        test.Loop.Connect(connect.Operation, client, target);
        test.RunUntil(() => accept.Count == 1 && connect.Count == 1, "both sides are connected");
        Assert.Equal(0, connect.Result);
        Assert.True(accept.Result > 0);

        using var vector = new SendVector();
        using var buffer = new NativeBuffer(16);
        vector.Add(buffer.Slice(0, 3));
        var send = new Recorded();
        var receive = new Recorded();
        test.Loop.Receive(receive.Operation, accept.Result, buffer.Slice(8, 8));
        test.Loop.Send(send.Operation, client, vector);
        test.RunUntil(() => receive.Count == 1 && send.Count == 1, "three bytes have crossed");
        Assert.Equal((3, 3), (receive.Result, send.Result));

        test.Loop.Accept(accept.Operation, listener);
        test.Close(client);
        test.Close(accept.Result);
        test.Close(listener);
        Assert.Equal((2, -Errno.ECANCELED), (accept.Count, accept.Result));
        File.Delete(path);
    }

    [Fact]
    public void Connect_to_nobody_is_refused()
    {
        using var test = new LoopHarness(Backend);
        using SocketEndpoint any = SocketEndpoint.Internet(IPAddress.Loopback, 0);
        int listener = Sockets.Listen(any);
        using SocketEndpoint target = SocketEndpoint.Internet(IPAddress.Loopback, Sockets.LocalPort(listener));
        test.Close(listener);
        int client = Sockets.Create(target);
        var connect = new Recorded();
        test.Loop.Connect(connect.Operation, client, target);
        test.RunUntil(() => connect.Count == 1, "the connect ends");
        Assert.Equal(-Errno.ECONNREFUSED, connect.Result);
        test.Close(client);
    }

    [Fact]
    public void Deadline_ends_a_connect_that_waits_for_room_in_a_full_backlog()
    {
        using var test = new LoopHarness(Backend);
        string path = Path.Combine(Path.GetTempPath(), $"hl-{Guid.NewGuid():N}"[..16]);
        using SocketEndpoint endpoint = SocketEndpoint.Unix(path);
        int listener = Sockets.Listen(endpoint, backlog: 0);
        var connects = Enumerable.Range(0, 3).Select(_ => (Fd: Sockets.Create(endpoint), Connect: new Recorded())).ToArray();
        foreach ((int fd, Recorded connect) in connects)
        {
            connect.Operation.TimeoutNs = 30_000_000;
            test.Loop.Connect(connect.Operation, fd, endpoint);
        }

        test.RunUntil(() => connects.All(c => c.Connect.Count == 1), "every connect ends");
        Assert.Equal(0, connects[0].Connect.Result);
        Assert.Contains(connects[^1].Connect.Result, new[] { -Errno.EAGAIN, -Errno.ETIME });
        Array.ForEach(connects, c => test.Close(c.Fd));
        test.Close(listener);
        File.Delete(path);
    }
}
