using System.Net.Sockets;
using Harness.Io;

namespace Harness.Events;

/// <summary>The other process of <c>--idle</c>: connects, and sends where it is told to.</summary>
internal static class IdlePeer
{
    /// <param name="path">The socket to connect to: once to be told where to send, then for each connection.</param>
    /// <param name="connections">How many.</param>
    /// <exception cref="HarnessException">It cannot connect.</exception>
    public static ExitCode Run(string path, int connections)
    {
        IdleConnections.RequireDescriptors(connections);
        try
        {
            using Socket control = Connect(path);
            Socket[] sockets = [.. Enumerable.Range(0, connections).Select(_ => Connect(path))];
            byte[] index = new byte[sizeof(int)];
            byte[] message = new byte[sizeof(long)];
            while (control.Receive(index) == index.Length)
            {
                BitConverter.TryWriteBytes(message, MonotonicClock.NowNs);
                sockets[BitConverter.ToInt32(index)].Send(message);
            }
            return ExitCode.Done;
        }
        catch (SocketException e)
        {
            throw new HarnessException(ExitCode.Failed, $"'{path}': {e.Message}", e);
        }
    }

    private static Socket Connect(string path)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Connect(new UnixDomainSocketEndPoint(path));
        return socket;
    }
}
