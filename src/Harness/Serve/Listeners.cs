using System.Net;
using System.Net.Sockets;
using Harness.Io;
using Harness.Nbd;

namespace Harness.Serve;

/// <summary>One place where the server listens, from its URI to its descriptor.</summary>
/// <param name="Fd">The listening socket.</param>
/// <param name="Endpoint">Where it listens, with the port that the kernel chose.</param>
/// <param name="Ready">The URI by which a client comes here.</param>
internal sealed record Listener(int Fd, SocketEndpoint Endpoint, NbdUri Ready)
{
    /// <summary>True where another process has made the socket, and its file is that one's.</summary>
    public bool IsInherited { get; init; }

    /// <summary>Listens on what a URI names.</summary>
    /// <param name="uri">Where.</param>
    /// <param name="tcpCongestion">TCP congestion control by its kernel name; null leaves the machine's default.</param>
    /// <exception cref="HarnessException">The host has no address, or the address cannot be had; the message says what to do.</exception>
    public static Listener Open(NbdUri uri, string? tcpCongestion = null) =>
        uri.Transport == NbdTransport.Unix ? OpenUnix(uri) : OpenTcp(uri, tcpCongestion);

    /// <summary>Removes the socket file, where there is one. The descriptor is the server's to close.</summary>
    public void Remove()
    {
        if (Endpoint.UnixPath is { } path && !IsInherited)
        {
            File.Delete(path);
        }

        Endpoint.Dispose();
    }

    private static Listener OpenUnix(NbdUri uri)
    {
        if (Path.GetDirectoryName(Path.GetFullPath(uri.SocketPath)) is { } folder && !Directory.Exists(folder))
        {
            throw new HarnessException(ExitCode.Failed, $"cannot listen on {uri.SocketPath}: there is no folder {folder}; make it, or choose another path");
        }

        SocketFile.MakeFree(uri.SocketPath);
        SocketEndpoint endpoint = SocketEndpoint.Unix(uri.SocketPath);
        return new Listener(Listen(endpoint), endpoint, uri);
    }

    private static Listener OpenTcp(NbdUri uri, string? tcpCongestion)
    {
        IPAddress address = Resolve(uri.Host);
        using SocketEndpoint asked = SocketEndpoint.Internet(address, uri.Port);
        asked.CongestionControl = tcpCongestion;
        int fd = Listen(asked);
        int port = Sockets.LocalPort(fd);
        return new Listener(fd, SocketEndpoint.Internet(address, port), uri with { Host = address.ToString(), Port = port });
    }

    private static int Listen(SocketEndpoint endpoint)
    {
        try
        {
            return Sockets.Listen(endpoint);
        }
        catch (IoException e)
        {
            throw new HarnessException(ExitCode.Failed, e.Message, e);
        }
    }

    private static IPAddress Resolve(string host)
    {
        if (IPAddress.TryParse(host, out IPAddress? literal))
        {
            return literal;
        }

        try
        {
            // A name may stand for both families. IPv4 first: it is what every client tries.
            IPAddress[] found = Dns.GetHostAddresses(host);
            return found.OrderBy(address => address.AddressFamily == AddressFamily.InterNetwork ? 0 : 1).First();
        }
        catch (Exception e) when (e is SocketException or InvalidOperationException or ArgumentException)
        {
            throw new HarnessException(ExitCode.Failed, $"the host name '{host}' has no address here; write an address, for example 127.0.0.1 or [::1]", e);
        }
    }
}
