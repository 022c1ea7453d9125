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
        Description = "folders that harness kernels run wrote; without any, the newest of each kernel in results/ that can stand beside the newest of all",
        Arity = ArgumentArity.ZeroOrMore,
    };

    private static readonly Option<string?> ResultsRoot = OptionParsers.Text("--results", "DIR", "where the results are, if no RUN is given [default: results/ of the source tree]");
    private static readonly Option<string?> Matrix = OptionParsers.Text("--matrix", "NAME", "runs of which matrix, if no RUN is given [default: that of the newest run; those of bisect are asked for by --matrix bisect]");
    private static readonly Option<string?> Base = OptionParsers.Text("--base", "KERNEL", "the kernel that ratios are given against, a release or its beginning [default: the oldest]");
    private static readonly Option<string?> Json = OptionParsers.Json();
    private static readonly Option<string?> Markdown = OptionParsers.Text("--markdown", "FILE|-", "the same as Markdown tables, with each side's share and what was seen of io_uring on each kernel");
    private static readonly Option<string?> Html = OptionParsers.Text("--html", "FILE", "the same as one HTML page: charts over kernel versions, a heat map, the steps, what arrived when");
    private static readonly Option<string?> Svg = OptionParsers.Text("--svg", "FILE", "charts and heat map as one picture");

    public static Command Create()
    {
        var verb = new Command("compare", "what an operation costs on each kernel, where that takes a step, and how io_uring behaves; a verdict for two kernels: harness compare --factor kernel")
        {
            Runs, ResultsRoot, Matrix, Base, Json, Markdown, Html, Svg,
        };
        verb.Validators.Add(result =>
        {
            if (JsonOutput.TakesStdout(result.Written(Json)) && JsonOutput.TakesStdout(result.Written(Markdown)))
            {
                result.AddError("only one of --json and --markdown can go to stdout");
            }
            if (result.Written(Runs) is not null && (result.Written(ResultsRoot) ?? result.Written(Matrix)) is not null)
            {
                result.AddError("--results and --matrix choose runs; leave them out where RUNs are given");
            }
        });
        verb.SetAction(parse => (int)Show(parse));
        return verb;
    }

    private static ExitCode Show(ParseResult parse)
    {
        KernelTable table = Table(parse);
        JsonOutput.Write(parse.GetValue(Json), table, types => types.KernelTable);
        TextOutput.Write(parse.GetValue(Markdown), () => KernelTableText.Markdown(table));
        TextOutput.Write(parse.GetValue(Html), () => KernelsPage.Of(table).Render());
        TextOutput.Write(parse.GetValue(Svg), () => KernelSvg.Of(table));
        if (!JsonOutput.TakesStdout(parse.GetValue(Json)) && !JsonOutput.TakesStdout(parse.GetValue(Markdown)))
        {
            ReportConsole.ToStdout(console => KernelTableText.Write(table, console));
        }
        return table.Cells.SelectMany(row => row.Figures).Any(figure => figure.Boots > 0) ? ExitCode.Done : ExitCode.NothingCouldRun;
    }

    private static KernelTable Table(ParseResult parse)
    {
        string? baseWord = parse.GetValue(Base);
        if (parse.GetValue(Runs) is { Length: > 0 } given)
        {
            return KernelTable.Of([.. given.Select(RunReader.Read)], baseWord);
        }
        string root = parse.GetValue(ResultsRoot) ?? Path.Combine(Checkout.Root ?? Directory.GetCurrentDirectory(), "results");
        var (runs, notes) = KernelRuns.Newest(root, parse.GetValue(Matrix));
        KernelTable table = KernelTable.Of(runs, baseWord);
        return table with { Notes = [.. notes, .. table.Notes] };
    }
}
