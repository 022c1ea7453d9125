using Harness.Matrix;

namespace Harness.Run;

/// <summary>
/// What was made for our server of one cell to serve from (<see cref="MadeStore"/>): a file in memory, or a second server of ours. Gone when disposed of.
/// </summary>
internal sealed class CellStore : IDisposable
{
    private readonly IDisposable? _made;
    private readonly ScratchFolder? _scratch;

    private CellStore(string chain, IDisposable? made, ScratchFolder? scratch = null) => (Chain, _made, _scratch) = (chain, made, scratch);

    /// <summary>The cell's chain, as our server understands it.</summary>
    public string Chain { get; }

    /// <summary>The second server; null where there is none.</summary>
    public OwnServer? Behind => _made as OwnServer;

    /// <summary>Makes what the chain asks for; nothing for most.</summary>
    /// <param name="cell">The cell.</param>
    /// <param name="settings">Of the run.</param>
    /// <param name="scratch">The cell's folder.</param>
    /// <param name="cancel">Ends the waiting for a second server with an exception.</param>
    /// <exception cref="HarnessException">It cannot be made.</exception>
    public static async Task<CellStore> MakeAsync(Cell cell, CellSettings settings, ScratchFolder scratch, CancellationToken cancel)
    {
        var chain = cell["block"];
        if (MadeStore.In(chain) is not { } store)
        {
            return new CellStore(chain, made: null);
        }
        if (!store.IsServer)
        {
            var file = new TmpfsFile(scratch, store.Size, store.IsImage);
            return new CellStore(store.At(chain, file.Path), file);
        }
        // A folder of its own: its socket and its counters are named as the other server's are.
        var behindScratch = new ScratchFolder();
        try
        {
            var behind = await StartBehindAsync(cell, store.Size, settings, behindScratch, cancel);
            return new CellStore(store.At(chain, behind.Uri), behind, behindScratch);
        }
        catch
        {
            behindScratch.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        _made?.Dispose();
        _scratch?.Dispose();
    }

    /// <summary>The same server, over memory that nobody has written yet: what is to be filled is filled through both, whoever the client is.</summary>
    private static async Task<OwnServer> StartBehindAsync(Cell cell, long size, CellSettings settings, ScratchFolder scratch, CancellationToken cancel)
    {
        var memory = cell.With("block", $"memory:{size}").With("fill", "false").With("client", Vocabulary.Ours);
        int[] cpus = [.. settings.Pinning.BehindCpus(cell.Loops, cell.ClientThreads)];
        var server = OwnServer.Start(memory, settings, cpus, scratch, memory["block"], "the server behind the server");
        try
        {
            return await server.ReadyAsync(settings.ServerDeadline, cancel) is { } notReady
                ? throw new HarnessException(ExitCode.Failed, notReady.Reason ?? $"{server.Name} did not start")
                : server;
        }
        catch
        {
            server.Dispose();
            throw;
        }
    }
}
