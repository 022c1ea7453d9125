using Harness.Compare;
using Harness.Results;

namespace Harness.Run;

/// <summary>Measures one round of a matrix as a run of its own. Tests put a scripted one in its place.</summary>
internal interface IRoundRunner
{
    /// <summary>Cells that fail are in the run's records.</summary>
    /// <param name="matrix">The matrix file.</param>
    /// <param name="results">Where the run's folder is made.</param>
    /// <param name="cancel">Ends the round; its folder stays valid.</param>
    /// <exception cref="HarnessException">There is no complete run: the message says why.</exception>
    Task RunAsync(string matrix, string results, CancellationToken cancel);
}

/// <summary>A round by a <c>harness run</c> of its own, of whichever build: so it records its own build and environment, and knows its own options.</summary>
/// <param name="command">The words before the verb.</param>
internal sealed class ProgramRoundRunner(IReadOnlyList<string> command) : IRoundRunner
{
    // A terminal's interrupt reaches the child as well, and asking it twice would kill it before it has ended in order.
    private static readonly TimeSpan s_endsByItself = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_endsInOrder = TimeSpan.FromSeconds(30);

    public async Task RunAsync(string matrix, string results, CancellationToken cancel)
    {
        var before = RunPool.RunFolders(results);
        using var scratch = new ScratchFolder();
        using var child = ChildProcess.Start([.. command, "run", matrix, "--rounds", "1", "--results", results], scratch);
        try
        {
            await child.WaitAsync(cancel);
        }
        catch (OperationCanceledException)
        {
            await EndAsync(child);
            throw;
        }
        cancel.ThrowIfCancellationRequested();
        string? folder = RunPool.RunFolders(results).Except(before).FirstOrDefault(Directory.Exists);
        if (folder is null || RunReader.Read(folder).Run.Status != RunStatus.Complete)
        {
            throw new HarnessException(ExitCode.Failed, $"'{string.Join(' ', command)}' did not measure the suspects again: it {child.Ending()}");
        }
    }

    private static async Task EndAsync(ChildProcess child)
    {
        var ended = child.WaitAsync(CancellationToken.None);
        if (await Task.WhenAny(ended, Task.Delay(s_endsByItself)) != ended)
        {
            await child.TerminateAsync();
            await Task.WhenAny(ended, Task.Delay(s_endsInOrder));
        }
    }
}
