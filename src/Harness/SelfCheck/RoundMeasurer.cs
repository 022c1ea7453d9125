using Harness.Matrix;
using Harness.Results;
using Harness.Run;
using Harness.Serve;

namespace Harness.SelfCheck;

/// <summary>Measures one round as a run of its own. Tests put a scripted one in its place.</summary>
internal interface IRoundMeasurer
{
    /// <param name="matrix">The cells, in one round.</param>
    /// <param name="seeded">The regression that the servers have; null for none.</param>
    /// <param name="results">Where the run's folder is made.</param>
    /// <param name="stop">Ends it.</param>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    /// <exception cref="HarnessException">It cannot be measured here.</exception>
    RunData Measure(MatrixDefinition matrix, string? seeded, string results, CancellationToken stop);
}

/// <summary>The real one.</summary>
/// <param name="commandLine">For the run's record.</param>
internal sealed class RoundMeasurer(string commandLine) : IRoundMeasurer
{
    public RunData Measure(MatrixDefinition matrix, string? seeded, string results, CancellationToken stop)
    {
        // The runner reads it for the record, and the server that it starts inherits it: just as if a user had set it for harness run.
        Environment.SetEnvironmentVariable(SeededRegression.Variable, seeded);
        try
        {
            var session = new RunSession
            {
                Matrix = matrix,
                Filter = null,
                ResultsRoot = results,
                CommandLine = commandLine,
                Program = HarnessProgram.Command,
                Messages = TextWriter.Null,
            };
            var (outcome, folder) = session.Run(stop);
            return outcome.Interrupted ? throw new OperationCanceledException(stop) : RunReader.Read(folder);
        }
        finally
        {
            Environment.SetEnvironmentVariable(SeededRegression.Variable, null);
        }
    }
}
