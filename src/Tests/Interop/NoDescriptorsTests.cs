using System.Net.Sockets;
using System.Text;

namespace Harness.Tests;

/// <summary>A server that is out of descriptors says so, waits, and serves again: its listeners, its log and its control socket survive.</summary>
public sealed class NoDescriptorsTests
{
    [SkippableTheory]
    [InlineData("poll")]
    [InlineData("epoll")]
    [InlineData("uring-poll")]
    [InlineData("uring")]
    public void A_server_without_descriptors_waits_for_some_and_goes_on(string backend)
    {
        string prlimit = Requires.Tool("prlimit");
        using var folder = new TempDir();
        string control = folder.File("c");
        using HarnessServer server = HarnessServer.Start(backend, block: "memory:16M", more: ["--control", control]);
        int open = Directory.GetFileSystemEntries($"/proc/{server.ProcessId}/fd").Length;
        Tool.Run(prlimit, "--pid", $"{server.ProcessId}", $"--nofile={open}:").Succeeded();

        var clients = Enumerable.Range(0, 4).Select(_ => server.Connect()).ToList();
        for (int tries = 0; tries < 200 && !server.Errors.Contains("cannot accept", StringComparison.Ordinal); tries++)
        {
            Thread.Sleep(50);
        }

        Assert.Contains("ulimit -n", server.Errors);
        clients.ForEach(client => client.Dispose());
        Tool.Run(prlimit, "--pid", $"{server.ProcessId}", "--nofile=1024:").Succeeded();
        using var served = new RawNbd(server);
        using Socket asking = Connect(control);
        asking.Send("stats\n"u8);
        byte[] answer = new byte[16384];
        Assert.StartsWith("{\"requests\":", Encoding.UTF8.GetString(answer, 0, asking.Receive(answer)));
    }

    [SkippableFact]
    public void More_connections_than_descriptors_are_refused_at_the_start()
    {
        using var folder = new TempDir();
        string listen = $"nbd+unix:///?socket={folder.File("s")}";
        ToolResult result = Tool.Run(
            Requires.Tool("prlimit"), "--nofile=256:256", HarnessServer.Program, "serve", "--max-connections", "200", "--listen", listen);
        Assert.Equal(1, result.ExitCode);
        Assert.Contains("ulimit -n", Assert.Single(result.Errors.TrimEnd().Split('\n')));
    }

    private static Socket Connect(string path)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { ReceiveTimeout = 20_000 };
        socket.Connect(new UnixDomainSocketEndPoint(path));
        return socket;
    }
}
