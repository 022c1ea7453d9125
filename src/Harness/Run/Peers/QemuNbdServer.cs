using System.Globalization;
using Harness.Matrix;
using Harness.Measure;
using Harness.Nbd;

namespace Harness.Run;

/// <summary>
/// qemu-nbd(8): a coroutine for each request, 16 of them for a connection, all in one thread. A raw file in memory through io_uring, which its own helper
/// threads are slower than, where the kernel allows it; or its null-co driver.
/// </summary>
internal sealed class QemuNbdServer : PeerServer
{
    // Sharing is for 16 clients or, where a cell has more connections, for those and the one that asked whether it was ready.
    private const int Clients = 16;

    private static readonly Lazy<bool> s_ring = new(() => RingFacts.Read().Available);

    public override string Name => "qemu-nbd";

    public override string Package => "qemu-utils";

    public override bool NeedsFile(PeerExport export) => !export.IsNull;

    public override PeerLaunch Launch(Cell cell, PeerExport export, ScratchFolder scratch, TmpfsFile? file)
    {
        var uri = Endpoint.For(cell["transport"], scratch);
        var clients = Math.Max(Clients, int.Parse(cell["connections"], CultureInfo.InvariantCulture) + 1);
        string[] served = export.IsNull
            ? ["--image-opts", string.Create(CultureInfo.InvariantCulture, $"driver=null-co,size={export.Size},read-zeroes=on")]
            : ["--format=raw", "--cache=writeback", $"--aio={(s_ring.Value ? "io_uring" : "threads")}", file!.Path];
        return new PeerLaunch([Name, "--persistent", string.Create(CultureInfo.InvariantCulture, $"--shared={clients}"), .. Listen(uri), .. served], uri);
    }

    private static string[] Listen(string text)
    {
        NbdUri.TryParse(text, out var uri, out _);
        return uri!.Transport == NbdTransport.Unix
            ? [$"--socket={uri.SocketPath}"]
            : [$"--bind={uri.Host}", string.Create(CultureInfo.InvariantCulture, $"--port={uri.Port}")];
    }
}
