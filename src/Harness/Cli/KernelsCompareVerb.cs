using System.CommandLine;
using Harness.Kernels;
using Harness.Measure;
using Harness.Report;
using Harness.Results;

namespace Harness.Cli;

/// <summary><c>harness kernels compare</c>: runs on several kernels, side by side.</summary>
internal static class KernelsCompareVerb
{
    private static readonly Argument<string[]> Runs = new("RUN")
    {
        Description = "folders that harness kernels run wrote; without any, the newest of each kernel in results/",
        Arity = ArgumentArity.ZeroOrMore,
    };

    private static readonly Option<string?> ResultsRoot = OptionParsers.Text("--results", "DIR", "where the results are, if no RUN is given [default: results/ of the source tree]");
    private static readonly Option<string?> Json = OptionParsers.Json();
    private static readonly Option<string?> Markdown = OptionParsers.Text("--markdown", "FILE|-", "the same as Markdown tables, with each side's share and what was seen of io_uring on each kernel");

    public static Command Create()
    {
        var verb = new Command("compare", "instructions per operation on each kernel, and how io_uring behaves on each; a verdict for two of them: harness compare --factor kernel")
        {
            Runs, ResultsRoot, Json, Markdown,
        };
        verb.Validators.Add(result =>
        {
            if (JsonOutput.TakesStdout(result.Written(Json)) && JsonOutput.TakesStdout(result.Written(Markdown)))
            {
                result.AddError("only one of --json and --markdown can go to stdout");
            }
        });
        verb.SetAction(parse => (int)Show(parse));
        return verb;
    }

    private static ExitCode Show(ParseResult parse)
    {
        string[] folders = parse.GetValue(Runs) is { Length: > 0 } given
            ? given
            : Newest(parse.GetValue(ResultsRoot) ?? Path.Combine(Checkout.Root ?? Directory.GetCurrentDirectory(), "results"));
        KernelTable table = KernelTable.Of([.. folders.Select(RunReader.Read)]);
        JsonOutput.Write(parse.GetValue(Json), table, ResultsJson.Document.KernelTable);
        TextOutput.Write(parse.GetValue(Markdown), () => KernelTableText.Markdown(table));
        if (!JsonOutput.TakesStdout(parse.GetValue(Json)) && !JsonOutput.TakesStdout(parse.GetValue(Markdown)))
        {
            ReportConsole.ToStdout(console => KernelTableText.Write(table, console));
        }
        return table.Cells.SelectMany(row => row.Figures).Any(figure => figure.Boots > 0) ? ExitCode.Done : ExitCode.NothingCouldRun;
    }

    // Their names begin with the time at which they began.
    private static string[] Newest(string root)
    {
        string[] newest = Directory.Exists(root)
            ? [.. Directory.GetDirectories(root, "guest-*")
                .Select(guest => Directory.GetDirectories(guest).Where(IsRun).Order(StringComparer.Ordinal).LastOrDefault())
                .OfType<string>()]
            : [];
        return newest.Length > 0
            ? newest
            : throw new HarnessException(ExitCode.Usage, $"there is no run in guests in '{root}'; harness kernels run makes some, or give their folders");
    }

    private static bool IsRun(string folder) => File.Exists(Path.Combine(folder, RunReader.RunFile));
}
