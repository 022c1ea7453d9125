using Harness.Matrix;

namespace Harness.Run;

/// <summary>Other people's servers and clients, as far as cells can have them.</summary>
internal static class Peers
{
    private static readonly PeerServer[] s_servers = [new NbdkitServer(), new QemuNbdServer(), new NbdServerDaemon()];

    /// <summary>The cell's server, where that is a peer.</summary>
    public static PeerServer Server(Cell cell) => s_servers.Single(server => server.Name == cell["server"]);

    /// <summary>Why a cell cannot have the peers that it names: one is not installed, or cannot do what is asked. Null where it can.</summary>
    public static string? Refusal(Cell cell) =>
        (cell.HasOurServer ? null : Missing(cell["server"], Server(cell).Package) ?? Server(cell).Refusal(cell))
        ?? cell["client"] switch
        {
            "fio" => Missing("fio", "fio") ?? FioArguments.Refusal(cell),
            "nbdcopy" => Missing("nbdcopy", "libnbd-bin") ?? NbdcopyArguments.Refusal(cell),
            Vocabulary.Copy => NbdcopyArguments.Refusal(cell),
            _ => null,
        };

    /// <summary>Starts the cell's client, which is a peer, or ours in a peer's place.</summary>
    public static CellClient StartClient(Cell cell, CellSettings settings, ScratchFolder scratch, CellServer server) => ClientHasNoWarmup(cell)
        ? NbdcopyClient.Start(cell, settings, scratch, server)
        : FioClient.Start(cell, settings, scratch, server);

    /// <summary>Whether the cell's client, no load generator of ours, measures from its first request on: what copies does, fio has its ramp.</summary>
    public static bool ClientHasNoWarmup(Cell cell) => cell["client"] != "fio";

    private static string? Missing(string program, string package) => ProgramPath.Find(program) is not null ? null
        : $"{program} is not installed (Debian package {package}); scripts/setup.sh test installs it";
}
