using System.Globalization;
using System.Text;
using Harness.Matrix;
using Harness.Nbd;

namespace Harness.Run;

/// <summary>
/// nbd-server(1): a process for each connection, in it one thread that reads and four that answer. In the foreground (<c>-d</c>) it would serve one
/// connection and end, so it runs as the daemon that it is. Once it listens and has written its process number, it looks for a prime (Diffie-Hellman, for TLS
/// that nobody asked for), which takes from nothing to some seconds of CPU; only then does it greet.
/// </summary>
internal sealed class NbdServerDaemon : PeerServer
{
    private const string Export = "cell";

    public override string Name => "nbd-server";

    public override string Package => "nbd-server";

    public override string VersionArgument => "-V";

    public override bool NeedsFile(PeerExport export) => true;

    public override string? Refusal(Cell cell) =>
        base.Refusal(cell) ?? (PeerExport.Of(cell["block"])!.IsNull ? "nbd-server serves files only, and has nothing like null:SIZE" : null);

    public override PeerLaunch Launch(Cell cell, PeerExport export, ScratchFolder scratch, TmpfsFile? file)
    {
        NbdUri.TryParse(Endpoint.For(cell["transport"], scratch), out var uri, out _);
        var config = new StringBuilder("[generic]\n");
        config.Append(uri!.Transport == NbdTransport.Unix
            ? $"unixsock = {uri.SocketPath}\n"
            : string.Create(CultureInfo.InvariantCulture, $"listenaddr = {uri.Host}\nport = {uri.Port}\n"));
        config.Append(CultureInfo.InvariantCulture, $"max_threads = 4\n[{Export}]\nexportname = {file!.Path}\n");
        var path = scratch.File("nbd-server.conf");
        File.WriteAllText(path, config.ToString());
        var pidFile = scratch.File("pid");
        var address = uri with { ExportName = Export };
        return new PeerLaunch([Name, "-C", path, "-p", pidFile], address.ToString()) { Config = config.ToString(), PidFile = pidFile };
    }
}
