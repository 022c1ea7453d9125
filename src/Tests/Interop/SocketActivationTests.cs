using System.Net.Sockets;
using System.Text.Json;

namespace Harness.Tests;

/// <summary>
/// Servers that are started with their sockets: by libnbd's own activation, by systemd's, and by a program that does what sd_listen_fds(3) says.
/// </summary>
public sealed class SocketActivationTests : IDisposable
{
    // Opens a socket for each argument before the first "--", puts them at 3 and on, and becomes the program behind it.
    private const string Activate = """
        import os, socket, sys
        at = sys.argv.index("--")
        sockets = []
        for place in sys.argv[1:at]:
            if place.startswith("/"):
                s = socket.socket(socket.AF_UNIX)
                s.bind(place)
            elif place == "idle":
                s = socket.socket(socket.AF_UNIX)
            else:
                s = socket.socket(socket.AF_INET)
                s.bind(("127.0.0.1", int(place)))
            if place != "idle":
                s.listen(16)
            s.setblocking(False)
            sockets.append(os.dup(s.fileno()))
        high = [os.dup2(fd, 100 + i) for i, fd in enumerate(sockets)]
        for i, fd in enumerate(high):
            os.dup2(fd, 3 + i, inheritable=True)
        os.environ["LISTEN_FDS"] = os.environ.get("TEST_FDS", str(len(high)))
        os.environ["LISTEN_FDNAMES"] = ":".join("socket%d" % i for i in range(len(high)))
        os.environ["LISTEN_PID"] = str(os.getpid())
        os.execv(sys.argv[at + 1], sys.argv[at + 1:])
        """;

    private readonly TempDir _folder = new();

    public void Dispose() => _folder.Dispose();

    [SkippableTheory]
    [InlineData("epoll")]
    [InlineData("uring")]
    public void Libnbd_starts_it_and_ends_it(string backend)
    {
        Skip.If(HarnessServer.IsForeign, "nbdkit's activation is nbdkit's");
        var (nbdinfo, nbdcopy) = (Requires.Tool("nbdinfo"), Requires.Tool("nbdcopy"));
        string[] serve = ["[", HarnessServer.Program, "serve", "--backend", backend, "--block", "pattern:3000007", "]"];
        using (var info = JsonDocument.Parse(Tool.Run(nbdinfo, ["--json", "--", .. serve]).Succeeded().Output))
        {
            Assert.Equal(3_000_007, info.RootElement.GetProperty("exports")[0].GetProperty("export-size").GetInt64());
        }

        string copy = _folder.File("copy");
        Tool.Run(nbdcopy, ["--", .. serve, copy]).Succeeded();
        Assert.Equal(3_000_007, new FileInfo(copy).Length);
    }

    [SkippableFact]
    public void Every_socket_that_was_handed_over_is_served_and_stays_where_it_is()
    {
        Skip.If(HarnessServer.IsForeign, "nbdkit's activation is nbdkit's");
        var nbdinfo = Requires.Tool("nbdinfo");
        int port = ForeignServer.FreePort();
        using Child server = Start([_folder.File("s"), $"{port}"], "--block", "null:1M");
        foreach (string uri in (string[])[$"nbd+unix:///?socket={_folder.File("s")}", $"nbd://127.0.0.1:{port}"])
        {
            Connected(uri);
            Assert.Equal("1048576", Tool.Run(nbdinfo, "--size", uri).Succeeded().Output.Trim());
        }

        server.Signal("TERM");
        Assert.Equal(0, server.WaitForExit(Tool.Deadline));
        Assert.Empty(server.Output);
        Assert.True(File.Exists(_folder.File("s")));

        void Connected(string uri)
        {
            // The socket listens from before the server runs; until it is there, whoever comes waits, or comes too early even for the socket.
            DateTime deadline = DateTime.UtcNow + Tool.Deadline;
            while (Tool.Run(nbdinfo, "--size", uri).ExitCode != 0 && DateTime.UtcNow < deadline)
            {
                Assert.False(server.HasExited, server.Errors);
                Thread.Sleep(20);
            }
        }
    }

    [SkippableTheory]
    [InlineData("idle", null, "socket activation: the socket 'socket0' cannot be used: descriptor 3 is not a stream socket that listens", 1)]
    [InlineData("", "2", "cannot be used: descriptor 4 is not a stream socket that listens", 1)]
    [InlineData("", "two", "LISTEN_FDS=two is not a number of sockets up to 1000", 2)]
    [InlineData("", "listen", "--listen and socket activation (LISTEN_FDS=1) exclude each other: the sockets are there already", 2)]
    public void What_cannot_be_used_is_said_in_one_line(string place, string? fds, string words, int exitCode)
    {
        Skip.If(HarnessServer.IsForeign, "nbdkit's activation is nbdkit's");
        string[] more = fds == "listen" ? ["--listen", "nbd://localhost:0"] : [];
        using Child server = Start([place.Length > 0 ? place : _folder.File("s")], ["--block", "null:1M", .. more], fds is null or "listen" ? null : fds);
        Assert.Equal(exitCode, server.WaitForExit(Tool.Deadline));
        Assert.Contains(words, server.Errors, StringComparison.Ordinal);
        Assert.Single(server.Errors.Trim().Split('\n'));
    }

    [SkippableFact]
    public void Sockets_for_another_process_are_not_taken()
    {
        Skip.If(HarnessServer.IsForeign, "nbdkit's activation is nbdkit's");
        string socket = _folder.File("own");
        using Child server = Child.Start(
            HarnessServer.Program,
            ["serve", "--block", "null:1M", "--listen", $"nbd+unix:///?socket={socket}"],
            new Dictionary<string, string?> { ["LISTEN_FDS"] = "1", ["LISTEN_PID"] = "1" });
        Assert.Equal($"ready nbd+unix:///?socket={socket}", server.NextLine(Tool.Deadline));
        server.Signal("TERM");
        Assert.Equal(0, server.WaitForExit(Tool.Deadline));
    }

    [SkippableFact]
    public void Systemd_starts_it_with_the_first_client()
    {
        Skip.If(HarnessServer.IsForeign, "nbdkit's activation is nbdkit's");
        string? activate = Requires.Find("systemd-socket-activate");
        Skip.If(activate is null, "there is no systemd-socket-activate here (Debian package systemd)");
        string socket = _folder.File("s");
        using Child server = Child.Start(activate, ["--listen", socket, "--fdname=nbd", HarnessServer.Program, "serve", "--block", "null:1M"]);
        Assert.True(SpinWait.SpinUntil(() => Accepts(socket), Tool.Deadline), server.Errors);
        Assert.Equal("1048576", Tool.Run(Requires.Tool("nbdinfo"), "--size", $"nbd+unix:///?socket={socket}").Succeeded().Output.Trim());
        server.Signal("TERM");
        Assert.Equal(0, server.WaitForExit(Tool.Deadline));
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

    private static Child Start(string[] places, params string[] options) => Start(places, options, fds: null);

    private static Child Start(string[] places, string[] options, string? fds)
    {
        string python = Requires.FileOf("python3", "/usr/bin/python3");
        return Child.Start(
            python,
            ["-c", Activate, .. places, "--", HarnessServer.Program, "serve", .. options],
            new Dictionary<string, string?> { ["TEST_FDS"] = fds });
    }
}
