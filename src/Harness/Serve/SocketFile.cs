using System.Net.Sockets;
using Harness.Io;

namespace Harness.Serve;

/// <summary>The file that a Unix socket leaves in the file system, which outlives a server that was killed.</summary>
internal static class SocketFile
{
    /// <summary>Makes way for a socket at this path: one that nobody listens on is removed.</summary>
    /// <exception cref="HarnessException">Somebody listens there, or the file is no socket.</exception>
    public static void MakeFree(string path)
    {
        if (!File.Exists(path))
        {
            return;
        }

        switch (Knock(path))
        {
            case null:
                throw new HarnessException(ExitCode.Failed, $"somebody already listens on {path}; stop that server, or choose another path");
            case SocketError.ConnectionRefused:
                Remove(path);
                break;
            default:
                throw new HarnessException(ExitCode.Failed, $"{path} exists and is not a socket that can be replaced; remove it, or choose another path");
        }
    }

    /// <summary>Connects, and leaves. Returns why not, or null where somebody answered.</summary>
    private static SocketError? Knock(string path)
    {
        try
        {
            using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            socket.Connect(new UnixDomainSocketEndPoint(path));
            return null;
        }
        catch (SocketException e)
        {
            // A file that is no socket answers a connect with ECONNREFUSED too.
            return Sockets.IsSocketFile(path) ? e.SocketErrorCode : SocketError.NotSocket;
        }
        catch (ArgumentException e)
        {
            throw new HarnessException(ExitCode.Usage, $"the socket path '{path}' is too long: a Unix socket's path has at most 107 bytes", e);
        }
    }

    private static void Remove(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new HarnessException(ExitCode.Failed, $"the old socket {path} cannot be removed: {e.Message}", e);
        }
    }
}
