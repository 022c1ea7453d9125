using System.Net;
using System.Net.Sockets;
using Harness.Io;
using Harness.Nbd;
using Errno = Harness.Io.Native.Errno;

namespace Harness.Tests;

/// <summary>Connecting: what is said where nobody listens, and how a full backlog is waited out.</summary>
public class ClientConnectTests
{
    [Theory]
    [ClassData(typeof(ClientBackends))]
    public void A_path_without_a_socket_is_told(string backend)
    {
        using var folder = new TempDir();
        var outcome = Connect(backend, SocketEndpoint.Unix(folder.File("s")));
        Assert.Equal(Errno.ENOENT, outcome.Error);
        Assert.Contains($"unix:{folder.File("s")}: there is no such socket", outcome.Reason, StringComparison.Ordinal);
    }

    [Theory]
    [ClassData(typeof(ClientBackends))]
    public void A_port_on_which_nobody_listens_is_told(string backend)
    {
        int port = ForeignServer.FreePort();
        var outcome = Connect(backend, SocketEndpoint.Internet(IPAddress.Loopback, port));
        Assert.Equal(Errno.ECONNREFUSED, outcome.Error);
        Assert.Contains($"127.0.0.1:{port}: nobody listens here", outcome.Reason, StringComparison.Ordinal);
    }

    [Theory]
    [ClassData(typeof(ClientBackends))]
    public void The_next_address_is_tried_where_the_first_refuses(string backend)
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        int port = ((IPEndPoint)listener.LocalEndPoint!).Port;
        var outcome = Connect(backend, SocketEndpoint.Internet(IPAddress.IPv6Loopback, port), SocketEndpoint.Internet(IPAddress.Loopback, port));
        Assert.Equal(0, outcome.Error);
    }

    [Theory]
    [ClassData(typeof(ClientBackends))]
    public void A_full_backlog_is_waited_out(string backend)
    {
        using var folder = new TempDir();
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(folder.File("s")));
        listener.Listen(1);
        List<Socket> waiting = FillBacklog(folder.File("s"));
        var accepting = new Thread(() =>
        {
            Thread.Sleep(30);
            waiting.Add(listener.Accept());
        });
        accepting.Start();
        var outcome = Connect(backend, SocketEndpoint.Unix(folder.File("s")));
        accepting.Join();
        Assert.Equal(0, outcome.Error);
        waiting.ForEach(socket => socket.Dispose());
    }

    [Theory]
    [ClassData(typeof(ClientBackends))]
    public void A_backlog_that_stays_full_ends_at_the_connect_timeout(string backend)
    {
        using var folder = new TempDir();
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(folder.File("s")));
        listener.Listen(1);
        List<Socket> waiting = FillBacklog(folder.File("s"));
        var outcome = Connect(backend, 50_000_000, SocketEndpoint.Unix(folder.File("s")));
        Assert.Equal(Errno.EAGAIN, outcome.Error);
        Assert.Contains("its backlog was full for 0.05 s", outcome.Reason, StringComparison.Ordinal);
        waiting.ForEach(socket => socket.Dispose());
    }

    [Fact]
    public void Names_and_addresses_are_resolved()
    {
        Assert.Equal(["127.0.0.1:7"], Resolve("nbd://127.0.0.1:7/x"));
        Assert.Equal(["[::1]:10809"], Resolve("nbd://[::1]/x"));
        Assert.Equal(["/tmp/s"], Resolve("nbd+unix:///x?socket=/tmp/s"));
        Assert.NotEmpty(Resolve("nbd://localhost/x"));
        Assert.Contains("port 0", Assert.Throws<NbdClientException>(() => Resolve("nbd://127.0.0.1:0/x")).Message, StringComparison.Ordinal);
    }

    private static string[] Resolve(string text)
    {
        Assert.True(NbdUri.TryParse(text, out NbdUri? uri, out string error), error);
        IReadOnlyList<SocketEndpoint> endpoints = EndpointResolver.Resolve(uri);
        string[] texts = [.. endpoints.Select(endpoint => endpoint.Text)];
        foreach (SocketEndpoint endpoint in endpoints)
        {
            endpoint.Dispose();
        }

        return texts;
    }

    private static List<Socket> FillBacklog(string path)
    {
        var waiting = new List<Socket>();
        while (true)
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { Blocking = false };
            waiting.Add(socket);
            try
            {
                socket.Connect(new UnixDomainSocketEndPoint(path));
            }
            catch (SocketException problem) when (problem.SocketErrorCode == SocketError.WouldBlock)
            {
                return waiting;
            }
        }
    }

    private static Outcome Connect(string backend, params SocketEndpoint[] endpoints) => Connect(backend, 10_000_000_000, endpoints);

    private static Outcome Connect(string backend, long timeoutNs, params SocketEndpoint[] endpoints)
    {
        using var loop = new LoopHarness(backend);
        var outcome = new Outcome();
        new ClientConnector(loop.Loop, endpoints, timeoutNs, outcome).Start();
        loop.RunUntil(() => outcome.IsOver, "connecting ends");
        if (outcome.Transport is { } transport)
        {
            var close = new Recorded();
            transport.Close(close.Operation);
            loop.RunUntil(() => close.Count == 1, "the connection is closed");
        }

        Array.ForEach(endpoints, endpoint => endpoint.Dispose());
        return outcome;
    }

    private sealed class Outcome : IConnectHandler
    {
        public bool IsOver { get; private set; }
        public int Error { get; private set; }
        public string Reason { get; private set; } = string.Empty;
        public ITransport? Transport { get; private set; }

        public void OnConnected(ITransport transport)
        {
            Transport = transport;
            IsOver = true;
        }

        public void OnConnectFailed(int error, string reason)
        {
            Error = error;
            Reason = reason;
            IsOver = true;
        }
    }
}
