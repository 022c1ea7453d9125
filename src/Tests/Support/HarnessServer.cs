using System.Net;
using System.Net.Sockets;

namespace Harness.Tests;

/// <summary>
/// A real <c>harness serve</c> in a process of its own; disposing it sends SIGTERM and asserts that it ends with 0.
/// With HARNESS_TEST_FOREIGN=nbdkit the same tests run against nbdkit, which shows that they test the protocol and not us.
/// </summary>
internal sealed class HarnessServer : IDisposable
{
    public const string Unix = "unix";
    public const string Tcp = "tcp";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly Child _child;
    private readonly TempDir _folder;
    private bool _stopped;

    private HarnessServer(Child child, TempDir folder, string uri)
    {
        _child = child;
        _folder = folder;
        Uri = uri;
    }

    /// <summary>Whether a foreign server stands in for ours.</summary>
    public static bool IsForeign => Environment.GetEnvironmentVariable("HARNESS_TEST_FOREIGN") == "nbdkit";

    /// <summary>The built program beside the test assembly.</summary>
    public static string Program { get; } = Path.Combine(AppContext.BaseDirectory, "harness");

    /// <summary>The URI that the server printed, with the port that the kernel chose.</summary>
    public string Uri { get; }

    public int ProcessId => _child.Id;

    /// <summary>What the server has written to standard error: all of it after <see cref="Stop"/>, before that what has come through the pipe.</summary>
    public string Errors => _child.Errors;

    /// <summary>Starts a server and waits until it accepts.</summary>
    /// <param name="backend">poll, epoll, uring-poll, uring or uring-epoll.</param>
    /// <param name="transport"><see cref="Unix"/> or <see cref="Tcp"/>.</param>
    /// <param name="block">The chain that it serves.</param>
    /// <param name="more">More options of <c>harness serve</c>.</param>
    public static HarnessServer Start(string backend, string transport = Unix, string block = "memory:256M", params string[] more)
    {
        var folder = new TempDir();
        try
        {
            return IsForeign ? StartForeign(folder, transport, block, more) : StartOurs(folder, backend, transport, block, more);
        }
        catch
        {
            folder.Dispose();
            throw;
        }
    }

    /// <summary>A server of ours in memory that has a regression on purpose, see HARNESS_SEEDED_REGRESSION; with null it has none.</summary>
    public static HarnessServer StartSeeded(string? kind, string backend, params string[] more)
    {
        var folder = new TempDir();
        try
        {
            return StartOurs(folder, backend, Unix, "memory:16M", more, new Dictionary<string, string?> { [Serve.SeededRegression.Variable] = kind });
        }
        catch
        {
            folder.Dispose();
            throw;
        }
    }

    /// <summary>A connected socket, for tests that speak the protocol byte by byte.</summary>
    public Socket Connect()
    {
        var uri = new Uri(Uri);
        var unix = uri.Scheme == "nbd+unix";
        var socket = unix
            ? new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
            : new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Connect(unix ? new UnixDomainSocketEndPoint(SocketPath(uri)) : new IPEndPoint(IPAddress.Parse(uri.Host), uri.Port));
        return socket;
    }

    /// <summary>Sends SIGTERM and asserts that the server drained and ended with 0.</summary>
    public void Stop()
    {
        if (_stopped)
        {
            return;
        }
        _stopped = true;
        var diedEarly = _child.HasExited;
        if (!diedEarly)
        {
            _child.Signal("TERM");
        }
        var exitCode = _child.WaitForExit(Patience);
        var said = $"{_child.CommandLine}\n{_child.Output}{_child.Errors}";
        _child.Dispose();
        Assert.False(diedEarly, $"the server ended by itself with {exitCode}\n{said}");
        Assert.True(exitCode is not null, $"the server did not end in {Patience.TotalSeconds} s after SIGTERM\n{said}");
        Assert.True(exitCode == 0, $"the server ended with {exitCode} after SIGTERM\n{said}");
    }

    /// <summary>Sends SIGTERM to a server that is expected to end with something else than 0; returns what it ended with.</summary>
    public int Terminate()
    {
        _stopped = true;
        _child.Signal("TERM");
        int? exitCode = _child.WaitForExit(Patience);
        _child.Dispose();
        return exitCode ?? throw new InvalidOperationException($"the server did not end after SIGTERM\n{Errors}");
    }

    public void Dispose()
    {
        try
        {
            Stop();
        }
        finally
        {
            _folder.Dispose();
        }
    }

    private static HarnessServer StartOurs(
        TempDir folder, string backend, string transport, string block, string[] more, IReadOnlyDictionary<string, string?>? environment = null)
    {
        var listen = transport == Unix ? $"nbd+unix:///?socket={folder.File("s")}" : "nbd://127.0.0.1:0";
        var child = Child.Start(Program, ["serve", "--block", block, "--listen", listen, "--backend", backend, .. more], environment);
        var line = child.NextLine(Patience);
        if (line is not null && line.StartsWith("ready ", StringComparison.Ordinal))
        {
            return new HarnessServer(child, folder, line["ready ".Length..].Trim());
        }
        child.Signal("TERM");
        var exitCode = child.WaitForExit(TimeSpan.FromSeconds(5));
        var said = $"{child.CommandLine}\n{child.Output}{child.Errors}";
        var reason = child.Errors.Split('\n')[0];
        child.Dispose();
        // 77 says that nothing could run here: this kernel refuses io_uring to us.
        Skip.If(exitCode == 77, $"backend {backend} cannot run here: {reason}");
        throw new InvalidOperationException($"the server did not become ready; it ended with {exitCode}\n{said}");
    }

    private static HarnessServer StartForeign(TempDir folder, string transport, string block, string[] more)
    {
        string[] store = block.Split(':', 2) is ["file", var path] ? ["file", path] : block.Split(':', 2);
        string[] readOnly = more.Contains("--read-only") ? ["-r"] : [];
        var port = ForeignServer.FreePort();
        string[] where = transport == Unix ? ["-U", folder.File("s")] : ["-i", "127.0.0.1", "-p", $"{port}"];
        var child = Child.Start(Requires.Tool("nbdkit"), ["-f", .. readOnly, .. where, .. store]);
        var uri = transport == Unix ? $"nbd+unix:///?socket={folder.File("s")}" : $"nbd://127.0.0.1:{port}";
        var server = new HarnessServer(child, folder, uri);
        for (var attempt = 0; ; attempt++)
        {
            try
            {
                server.Connect().Dispose();
                return server;
            }
            catch (SocketException) when (attempt < 500 && !child.HasExited)
            {
                Thread.Sleep(10);
            }
        }
    }

    private static string SocketPath(Uri uri) => System.Uri.UnescapeDataString(
        uri.Query.TrimStart('?').Split('&').Single(part => part.StartsWith("socket=", StringComparison.Ordinal))["socket=".Length..]);
}
