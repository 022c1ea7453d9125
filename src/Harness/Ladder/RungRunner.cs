using Harness.Matrix;
using Harness.Nbd;
using Harness.Results;

namespace Harness.Ladder;

/// <summary>Runs one rung of the ladder below NBD by itself.</summary>
internal static class RungRunner
{
    /// <param name="options">Which, and how.</param>
    /// <param name="stop">Ends the answering side; the others end by themselves.</param>
    /// <exception cref="HarnessException">It cannot run; the message is one line.</exception>
    public static ExitCode Run(RungOptions options, CancellationToken stop)
    {
        if (options.Rung == RungOptions.Answer)
        {
            return AnswerRung.Run(options, stop);
        }
        OutputFile.Check("--json", options.Json);
        LoadResult result = options.Rung switch
        {
            Vocabulary.Nop => NopRung.Measure(options),
            Vocabulary.Syscall => SyscallRung.Measure(options),
            Vocabulary.Events => EventsRung.Measure(options),
            _ => ExchangeRung.Measure(options),
        };
        JsonOutput.Write(options.Json, result, types => types.LoadResult);
        if (!JsonOutput.TakesStdout(options.Json))
        {
            using var text = new StringWriter { NewLine = "\n" };
            RungText.Write(options, result, text);
            StandardOutput.Write(text.ToString());
        }
        return ExitCode.Done;
    }

    /// <exception cref="HarnessException">It is no NBD URI.</exception>
    public static NbdUri ParseUri(string text) =>
        NbdUri.TryParse(text, out NbdUri? uri, out string error) ? uri : throw new HarnessException(ExitCode.Usage, error);
}
