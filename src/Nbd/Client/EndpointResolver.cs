using System.Net;
using System.Net.Sockets;
using Harness.Io;
using Harness.Io.Native;

namespace Harness.Nbd;

/// <summary>Where the server of an NBD URI can be reached.</summary>
public static class EndpointResolver
{
    /// <summary>
    /// The addresses to try, in order. A host name is looked up, which blocks: call it before the loop runs, or on another thread. The caller disposes of the
    /// endpoints.
    /// </summary>
    /// <exception cref="NbdClientException">The host name has no address, or the socket path is too long.</exception>
    public static IReadOnlyList<SocketEndpoint> Resolve(NbdUri uri)
    {
        if (uri.Transport == NbdTransport.Unix)
        {
            return [Unix(uri.SocketPath)];
        }

        if (!uri.TryCheckConnectable(out string error))
        {
            throw new NbdClientException(Errno.EINVAL, error);
        }

        if (IPAddress.TryParse(uri.Host, out IPAddress? literal))
        {
            return [SocketEndpoint.Internet(literal, uri.Port)];
        }

        IPAddress[] addresses = LookUp(uri.Host);
        return [.. addresses.Select(address => SocketEndpoint.Internet(address, uri.Port))];
    }

    private static SocketEndpoint Unix(string path)
    {
        try
        {
            return SocketEndpoint.Unix(path);
        }
        catch (ArgumentException problem)
        {
            throw new NbdClientException(Errno.EINVAL, problem.Message);
        }
    }

    private static IPAddress[] LookUp(string host)
    {
        try
        {
            IPAddress[] addresses = Dns.GetHostAddresses(host);
            if (addresses.Length > 0)
            {
                return addresses;
            }
        }
        catch (SocketException problem)
        {
            throw new NbdClientException(Errno.ENOENT, $"cannot find the host '{host}': {problem.Message}; check the name, or give an address");
        }

        throw new NbdClientException(Errno.ENOENT, $"the host '{host}' has no address; check the name, or give an address");
    }
}
