using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;

namespace Harness.Tests;

/// <summary>Somebody else's NBD server in a process of its own, ready for connections; it ends with the test.</summary>
internal sealed class ForeignServer : IDisposable
{
    private readonly Child _child;
    private readonly TempDir? _folder;

    private ForeignServer(Child child, TempDir? folder, string uri, string? socketPath)
    {
        _child = child;
        _folder = folder;
        Uri = uri;
        SocketPath = socketPath;
    }

    public string Uri { get; }

    public string? SocketPath { get; }

    public int ProcessId => _child.Id;

    /// <summary>Starts a server on a Unix socket of its own.</summary>
    public static ForeignServer OnSocket(string program, Func<string, string[]> arguments)
    {
        string path = Requires.Tool(program);
        var folder = new TempDir();
        string socket = folder.File("s");
        var server = new ForeignServer(Child.Start(path, arguments(socket)), folder, $"nbd+unix:///?socket={socket}", socket);
        server.Await(() => Accepts(socket));
        return server;
    }

    /// <summary>Starts a server that listens on a port of the loopback interface.</summary>
    public static ForeignServer OnPort(string program, int port, string export, string[] arguments, string host = "127.0.0.1")
    {
        var server = new ForeignServer(Child.Start(Requires.Tool(program), arguments), null, $"nbd://{host}:{port}/{export}", null);
        // A look at the kernel's table instead of a connection: nbd-server in the foreground serves one client and ends.
        server.Await(() => IPGlobalProperties.GetIPGlobalProperties().GetActiveTcpListeners().Any(listener => listener.Port == port));
        return server;
    }

    /// <summary>A port of the loopback interface that nobody listens on just now, for servers that do not say which one the kernel chose.</summary>
    public static int FreePort()
    {
        using var probe = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        probe.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)probe.LocalEndPoint!).Port;
    }

    /// <summary>Waits until it has used a moment of CPU, which it does only under load, then kills it.</summary>
    public void KillOnceBusy()
    {
        using System.Diagnostics.Process process = System.Diagnostics.Process.GetProcessById(_child.Id);
        TimeSpan start = process.TotalProcessorTime;
        while (process.TotalProcessorTime - start < TimeSpan.FromMilliseconds(200))
        {
            Assert.False(_child.HasExited, _child.Errors);
            Thread.Sleep(10);
            process.Refresh();
        }

        _child.Signal("KILL");
    }

    public void Dispose()
    {
        _child.Dispose();
        _folder?.Dispose();
    }

    private static bool Accepts(string path)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(path));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private void Await(Func<bool> listens)
    {
        DateTime deadline = DateTime.UtcNow + TimeSpan.FromSeconds(20);
        while (!listens())
        {
            if (_child.HasExited || DateTime.UtcNow > deadline)
            {
                string said = $"{_child.CommandLine}\n{_child.Errors}";
                Dispose();
                throw new InvalidOperationException($"the server did not begin to listen\n{said}");
            }

            Thread.Sleep(20);
        }
    }
}
