using System.Net;
using System.Net.Sockets;
using Harness.Io;

namespace Harness.Tests;

/// <summary>Stands between a client on TCP and a server on a Unix socket, one connection at a time, and cuts it at a byte.</summary>
internal sealed class CutProxy : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly Thread _thread;
    private readonly string _server;
    private readonly byte[] _buffer = new byte[64 << 10];
    private PipeCut? _cut;
    private int _wasCut;

    /// <param name="server">The path of the server's socket.</param>
    public CutProxy(string server)
    {
        _server = server;
        _listener.Start();
        Endpoint = SocketEndpoint.Internet(IPAddress.Loopback, ((IPEndPoint)_listener.LocalEndpoint).Port);
        _thread = new Thread(Accept) { IsBackground = true };
        _thread.Start();
    }

    public SocketEndpoint Endpoint { get; }

    /// <summary>Whether the last connection was cut; certain once the client has seen its end.</summary>
    public bool WasCut => Volatile.Read(ref _wasCut) == 1;

    /// <summary>Where the next connection is cut.</summary>
    public void Expect(PipeCut cut)
    {
        Volatile.Write(ref _wasCut, 0);
        Volatile.Write(ref _cut, cut);
    }

    public void Dispose()
    {
        _listener.Stop();
        _thread.Join();
        Endpoint.Dispose();
    }

    private void Accept()
    {
        try
        {
            while (true)
            {
                using Socket client = _listener.AcceptSocket();
                client.NoDelay = true;
                using var server = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                server.Connect(new UnixDomainSocketEndPoint(_server));
                Pass(client, server, Volatile.Read(ref _cut)!);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or InvalidOperationException)
        {
            // The test is over.
        }
    }

    private void Pass(Socket client, Socket server, PipeCut cut)
    {
        long left = cut.AfterBytes;
        while (left > 0)
        {
            List<Socket> readable = [client, server];
            Socket.Select(readable, null, null, -1);
            bool toServer = readable.Contains(client);
            int most = toServer == cut.ToServer ? (int)Math.Min(left, _buffer.Length) : _buffer.Length;
            int count = PassOn(toServer ? client : server, toServer ? server : client, most);
            if (count == 0)
            {
                // One of them has left by itself.
                return;
            }

            left -= toServer == cut.ToServer ? count : 0;
        }

        Volatile.Write(ref _wasCut, 1);
        if (cut.IsReset)
        {
            client.LingerState = new LingerOption(true, 0);
        }
    }

    private int PassOn(Socket from, Socket to, int most)
    {
        try
        {
            int count = from.Receive(_buffer, 0, most, SocketFlags.None);
            to.Send(_buffer.AsSpan(0, count));
            return count;
        }
        catch (SocketException)
        {
            return 0;
        }
    }
}
