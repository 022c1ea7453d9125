using System.Globalization;
using Harness.Io;
using Harness.Nbd;

namespace Harness.Serve;

/// <summary>
/// Listening sockets that whoever started the server has opened for it, as systemd's socket units do, and libnbd's <c>nbdinfo [ harness serve … ]</c>: their
/// number in LISTEN_FDS, from descriptor 3 on, meant for the process in LISTEN_PID. See sd_listen_fds(3).
/// </summary>
internal static class SocketActivation
{
    private const string Count = "LISTEN_FDS";
    private const string Process = "LISTEN_PID";
    private const string Names = "LISTEN_FDNAMES";

    // No more than a socket unit has; a number from elsewhere must not make us take thousands of descriptors for sockets.
    private const int MostSockets = 1000;

    /// <summary>
    /// The sockets; null where none are meant for this process. The variables are gone afterwards, so that nobody whom we start takes them for its own.
    /// </summary>
    /// <param name="listenAsked">Whether the command line says where to listen.</param>
    /// <exception cref="HarnessException">What was handed over is not what was announced, or the command line says where to listen too.</exception>
    public static IReadOnlyList<Listener>? Take(bool listenAsked)
    {
        if (Environment.GetEnvironmentVariable(Process) != Environment.ProcessId.ToString(CultureInfo.InvariantCulture))
        {
            return null;
        }

        string text = Environment.GetEnvironmentVariable(Count) ?? string.Empty;
        string[] names = (Environment.GetEnvironmentVariable(Names) ?? string.Empty).Split(':');
        foreach (string name in (string[])[Count, Process, Names])
        {
            Environment.SetEnvironmentVariable(name, null);
        }

        if (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int count) || count > MostSockets)
        {
            throw new HarnessException(ExitCode.Usage, $"{Count}={text} is not a number of sockets up to {MostSockets}");
        }

        if (count == 0)
        {
            return null;
        }

        return listenAsked
            ? throw new HarnessException(ExitCode.Usage, $"--listen and socket activation ({Count}={text}) exclude each other: the sockets are there already")
            : [.. Enumerable.Range(0, count).Select(i => Take(InheritedSockets.FirstFd + i, i < names.Length ? names[i] : string.Empty))];
    }

    private static Listener Take(int fd, string name)
    {
        try
        {
            SocketEndpoint endpoint = InheritedSockets.Take(fd);
            return new Listener(fd, endpoint, UriOf(endpoint)) { IsInherited = true };
        }
        catch (IoException e)
        {
            string named = name.Length > 0 ? $" '{name}'" : string.Empty;
            throw new HarnessException(ExitCode.Failed, $"socket activation: the socket{named} cannot be used: {e.Message}", e);
        }
    }

    private static NbdUri UriOf(SocketEndpoint endpoint)
    {
        if (endpoint.UnixPath is { } path)
        {
            return new NbdUri { Transport = NbdTransport.Unix, SocketPath = path };
        }

        string host = endpoint.Text[..endpoint.Text.LastIndexOf(':')].Trim('[', ']');
        return new NbdUri { Transport = NbdTransport.Tcp, Host = host, Port = endpoint.Port };
    }
}
