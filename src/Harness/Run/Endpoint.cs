using System.Net;
using System.Net.Sockets;

namespace Harness.Run;

/// <summary>Where a cell's server listens.</summary>
internal static class Endpoint
{
    /// <summary>An NBD URI that is free now: a socket in the scratch folder, or a port on loopback.</summary>
    public static string For(string transport, ScratchFolder scratch) => transport switch
    {
        "unix" => $"nbd+unix:///?socket={scratch.File("nbd")}",
        "tcp" => $"nbd://127.0.0.1:{FreePort(IPAddress.Loopback)}",
        "tcp6" => $"nbd://[::1]:{FreePort(IPAddress.IPv6Loopback)}",
        _ => throw new ArgumentOutOfRangeException(nameof(transport), transport, "not one of Vocabulary.Transports"),
    };

    // Another process could take the port before our server does; the cell then fails with "address in use" and the run goes on.
    private static int FreePort(IPAddress address)
    {
        try
        {
            using var listener = new TcpListener(address, 0);
            listener.Start();
            return ((IPEndPoint)listener.LocalEndpoint).Port;
        }
        catch (SocketException e)
        {
            throw new HarnessException(ExitCode.Failed, $"no port to be had on {address}: {e.Message}", e);
        }
    }
}
