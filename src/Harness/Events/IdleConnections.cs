using System.Globalization;
using System.Net.Sockets;
using Harness.Io;
using Harness.Run;

namespace Harness.Events;

/// <summary>
/// Many connections over a Unix socket, whose other ends another process has: as in a server, and a process need not be allowed twice as many descriptors.
/// </summary>
internal sealed class IdleConnections : IDisposable
{
    // What the runtime has open, a loop's own, and some to spare.
    private const int OfProcess = 300;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly ScratchFolder _scratch = new();
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly List<Socket> _sockets = [];
    private ChildProcess? _peer;
    private Socket? _control;

    /// <exception cref="HarnessException">The process may not have so many descriptors, or the other one cannot be started.</exception>
    public IdleConnections(int count)
    {
        try
        {
            RequireDescriptors(count);
            Connect(count);
        }
        catch (Exception e)
        {
            Dispose();
            if (e is SocketException)
            {
                throw new HarnessException(ExitCode.Failed, $"--idle {count}: {e.Message}", e);
            }
            throw;
        }
    }

    /// <summary>The descriptors that loops watch.</summary>
    public IReadOnlyList<int> Fds { get; private set; } = [];

    /// <summary>Raises the limit where it is too low for so many connections.</summary>
    /// <exception cref="HarnessException">That is not allowed; the message says what to do.</exception>
    public static void RequireDescriptors(int connections)
    {
        long needed = connections + OfProcess;
        if (OpenFilesLimit.Raise(needed) is var limit && limit < needed)
        {
            throw new HarnessException(
                ExitCode.Failed,
                $"--idle {connections} needs {needed} descriptors, but this process may have {limit} and not raise that; do it with 'ulimit -n {needed}', or give fewer");
        }
    }

    /// <summary>Has the other process send a message on a connection. Any thread may call it, one at a time.</summary>
    /// <returns>Null, or why not.</returns>
    public string? AskFor(int index)
    {
        try
        {
            _control!.Send(BitConverter.GetBytes(index));
            return null;
        }
        catch (SocketException e)
        {
            return $"the process with the other ends is gone: {e.Message}";
        }
    }

    public void Dispose()
    {
        _peer?.Dispose();
        _control?.Dispose();
        _listener.Dispose();
        _sockets.ForEach(socket => socket.Dispose());
        _scratch.Dispose();
    }

    private void Connect(int count)
    {
        string path = _scratch.File("idle");
        _listener.Bind(new UnixDomainSocketEndPoint(path));
        _listener.Listen(4096);
        string connections = count.ToString(CultureInfo.InvariantCulture);
        _peer = ChildProcess.Start([.. HarnessProgram.Command, "events", "--idle", connections, "--idle-peer", path], _scratch);
        _control = Accept();
        while (_sockets.Count < count)
        {
            _sockets.Add(Accept());
        }
        Fds = [.. _sockets.Select(socket => (int)socket.Handle)];
    }

    private Socket Accept()
    {
        for (long start = Environment.TickCount64; Environment.TickCount64 - start < Patience.TotalMilliseconds && !_peer!.HasExited;)
        {
            if (_listener.Poll(TimeSpan.FromMilliseconds(100), SelectMode.SelectRead))
            {
                return _listener.Accept();
            }
        }
        throw new HarnessException(ExitCode.Failed, $"the process with the other ends of the connections {(_peer!.HasExited ? _peer.Ending() : "does not connect")}");
    }
}
