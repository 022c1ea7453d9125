using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using Harness.Serve;

namespace Harness.Cli;

/// <summary><c>--help</c>, followed by what every verb has in common: units and exit codes.</summary>
internal sealed class HelpEpilogue(HelpAction help) : SynchronousCommandLineAction
{
    // Wide enough that no description is folded into a column of single words; the same on every terminal, so that it can be quoted.
    private const int Width = 120;

    private static readonly (ExitCode Code, string Meaning)[] ExitCodes =
    [
        (ExitCode.Done, "done"),
        (ExitCode.Failed, "failed"),
        (ExitCode.Usage, "bad usage"),
        (ExitCode.Regression, "a regression was found"),
        (ExitCode.Unfit, "the machine is unfit under --strict"),
        (ExitCode.NothingCouldRun, "nothing could run here"),
    ];

    /// <summary>Who asks for help beside a mistake is helped.</summary>
    public override bool ClearsParseErrors => true;

    public override int Invoke(ParseResult parseResult)
    {
        help.MaxWidth = Width;
        help.Invoke(parseResult);
        if (parseResult.CommandResult.Command.Name == "serve")
        {
            Console.Out.Write(BlocksText.Synopses());
        }

        Console.Out.WriteLine("Sizes: 512 4k 1M 1G. Times: 50us 1ms 3s. URIs: nbd://host:port/name, nbd+unix:///name?socket=PATH.");
        Console.Out.WriteLine($"Exit codes: {string.Join(" · ", ExitCodes.Select(e => $"{(int)e.Code} {e.Meaning}"))}.");
        return (int)ExitCode.Done;
    }
}
