using Harness.Matrix;
using Harness.Results;

namespace Harness.Run;

/// <summary>The server of one cell: ours or a peer. Disposing of it ends it.</summary>
internal abstract class CellServer(ChildProcess process) : IDisposable
{
    public ChildProcess Process => process;

    /// <summary>What it is called in a line about it.</summary>
    public abstract string Name { get; }

    /// <summary>Where it serves, once it is ready.</summary>
    public abstract string Uri { get; }

    /// <summary>What our load generator is told so that it finds the server's costs.</summary>
    public abstract IReadOnlyList<string> LoadArguments { get; }

    /// <summary>Who it is; null where it is ours.</summary>
    public virtual PeerFacts? Peer => null;

    /// <summary>A second server, which it serves from; null where there is none.</summary>
    public virtual CellServer? Behind => null;

    /// <summary>Microseconds of CPU that it has used as nobody's child, which the kernel does not charge to the runner.</summary>
    public virtual long StrayCpuUs => 0;

    /// <summary>Waits until it serves.</summary>
    /// <param name="deadline">For how long.</param>
    /// <param name="cancel">Ends the waiting with an exception.</param>
    /// <returns>Null where it serves, else what the cell came to.</returns>
    public abstract Task<CellOutcome?> ReadyAsync(TimeSpan deadline, CancellationToken cancel);

    /// <summary>The server that has ended, this one or the one behind it; null while they live.</summary>
    public CellServer? Dead => process.HasExited ? this : Behind?.Dead;

    /// <summary>Ends when one of the two has ended, and all that it wrote has been read.</summary>
    public Task DiedAsync(CancellationToken cancel) => Behind is { } behind
        ? Task.WhenAny(process.WaitAsync(cancel), behind.DiedAsync(cancel)).Unwrap()
        : process.WaitAsync(cancel);

    /// <summary>Reads its costs while somebody else's client drives it; on another thread, until it is disposed of.</summary>
    public abstract ServerSamples StartSampling(SamplingPlan plan);

    public virtual void Dispose() => process.Dispose();

    /// <summary>The outcome of a server that did not become ready: it ended, or it did not.</summary>
    protected CellOutcome NotReady(TimeSpan deadline)
    {
        if (!process.HasExited)
        {
            return CellOutcome.Failed($"{Name} was not ready within {Units.FormatTime(deadline)}{(process.LastErrorLine is { } line ? $": {line}" : "")}");
        }
        return CellOutcome.Failed($"{Name} {process.Ending()}");
    }
}
