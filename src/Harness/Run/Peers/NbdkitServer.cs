using System.Globalization;
using Harness.Matrix;
using Harness.Nbd;

namespace Harness.Run;

/// <summary>
/// nbdkit(1): a thread for each request in flight, 64 of them for a connection instead of its default 16; its memory and null plugins, its delay filter and its
/// ext2 filter.
/// </summary>
internal sealed class NbdkitServer : PeerServer
{
    public override string Name => "nbdkit";

    public override string Package => "nbdkit";

    public override bool CanDelay => true;

    public override bool ReadsImages => true;

    public override bool NeedsFile(PeerExport export) => export.IsImage;

    public override PeerLaunch Launch(Cell cell, PeerExport export, ScratchFolder scratch, TmpfsFile? file)
    {
        var uri = Endpoint.For(cell["transport"], scratch);
        var size = export.Size.ToString(CultureInfo.InvariantCulture);
        string[] filter = export.DelayMs is null ? [] : ["--filter=delay"];
        string[] delays = export.DelayMs is var (read, write) ? [$"rdelay={read}ms", $"wdelay={write}ms"] : [];
        string[] serve = export.IsImage
            ? ["--filter=ext2", "file", file!.Path, $"ext2file={Ext2ImageFile.FileName}"]
            : [.. filter, export.IsNull ? "null" : "memory", $"size={size}", .. delays];
        return new PeerLaunch([Name, "--foreground", .. Listen(uri), "--threads", "64", .. serve], uri);
    }

    private static string[] Listen(string text)
    {
        NbdUri.TryParse(text, out var uri, out _);
        return uri!.Transport == NbdTransport.Unix
            ? ["--unix", uri.SocketPath]
            : ["--ipaddr", uri.Host, "--port", uri.Port.ToString(CultureInfo.InvariantCulture)];
    }
}
