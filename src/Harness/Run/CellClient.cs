using Harness.Matrix;
using Harness.Results;

namespace Harness.Run;

/// <summary>The load generator of one cell: ours or a peer. Disposing of it ends it.</summary>
internal abstract class CellClient(ChildProcess process) : IDisposable
{
    public ChildProcess Process => process;

    /// <summary>What it is called in a line about it.</summary>
    public abstract string Name { get; }

    /// <summary>Who it is; null where it is ours.</summary>
    public virtual PeerFacts? Peer => null;

    /// <summary>What it found; it has ended.</summary>
    public CellOutcome Outcome()
    {
        if (process.ExitCode == (int)ExitCode.NothingCouldRun)
        {
            return new CellOutcome(CellStatus.Skipped, process.LastErrorLine ?? $"{Name} cannot run here", null, null);
        }
        return process.ExitCode == 0 ? Figures() : CellOutcome.Failed($"{Name} {process.Ending()}");
    }

    /// <summary>What it printed, after it has ended well.</summary>
    protected abstract CellOutcome Figures();

    /// <summary>The outcome of a result that could be read.</summary>
    /// <param name="result">The result.</param>
    /// <param name="log">Where its latency log lies, if it wrote one.</param>
    protected static CellOutcome Of(LoadResult result, string log) => result.Errors > 0
        ? new CellOutcome(CellStatus.Failed, $"{result.Errors} operations failed{(result.FirstError is { } first ? $"; the first: {first}" : "")}", result, null)
        : new CellOutcome(CellStatus.Ok, null, result, File.Exists(log) ? log : null);

    public virtual void Dispose() => process.Dispose();
}
