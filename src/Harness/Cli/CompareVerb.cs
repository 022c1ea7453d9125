using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Harness.Compare;
using Harness.Matrix;
using Harness.Report;
using Harness.Results;

namespace Harness.Cli;

/// <summary><c>harness compare</c>: whether one run is worse than another, or when in a history of runs it became so.</summary>
internal static class CompareVerb
{
    private static readonly Argument<string?> Base = new("BASE")
    {
        Description = "a folder that harness run wrote, or a folder of such folders, which count as one run",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private static readonly Argument<string?> New = new("NEW") { Description = "the same for what is held against it", Arity = ArgumentArity.ZeroOrOne };

    private static readonly string[] Gates = [.. Enum.GetNames<Gate>().Select(name => name.ToLowerInvariant())];
    private static readonly string[] Formats = ["text", "json", "markdown", "junit"];

    private static readonly Option<string> GateOption = OptionParsers.Parsed(
        "--gate",
        "GATE",
        "which figures decide: counted (the same on every run), timed (judged over rounds) or all",
        text => Vocabulary.Word("gate", text, Gates)).WithDefault("counted");

    private static readonly Option<double> MinEffect = OptionParsers.Parsed(
        "--min-effect", "3%", "the least change of a timed or load-dependent figure that matters", Share).WithDefault(ComparisonOptions.DefaultMinEffect);

    private static readonly Option<string?> Factor = OptionParsers.Parsed<string?>(
        "--factor", "FACT", "what may differ between the two: kernel, and what it brings along", text => Vocabulary.Word("factor", text, [Fingerprint.KernelFactor]));

    private static readonly Option<string?> History = OptionParsers.Text(
        "--history", "DIR", "in place of BASE and NEW: finds the changes over all runs in a folder, like results/<machine>");

    private static readonly Option<string> Format = OptionParsers.Parsed(
        "--format", "FORMAT", $"what to print: {string.Join(", ", Formats)}", text => Vocabulary.Word("format", text, Formats)).WithDefault("text");

    private static readonly Option<string?> Json = OptionParsers.Json();
    private static readonly Option<string?> Markdown = OptionParsers.Text("--markdown", "FILE|-", "the same as Markdown, for the summary of a CI job");
    private static readonly Option<string?> JUnit = OptionParsers.Text("--junit", "FILE|-", "the same as JUnit XML: a test case per cell, a failure where it is worse");

    public static Command Create()
    {
        var verb = new Command("compare", "a verdict per cell (same, better, worse, cannot say) with the figure that decided it; exit 3 on a regression")
        {
            Base, New, GateOption, MinEffect, Factor, History, Format, Json, Markdown, JUnit,
        };
        foreach (var option in ConfirmOptions.All)
        {
            verb.Add(option);
        }
        verb.Validators.Add(result =>
        {
            if (Conflict(result) is { } conflict)
            {
                result.AddError(conflict);
            }
        });
        verb.SetAction(parse => (int)(parse.GetValue(History) is { } history ? ShowHistory(parse, history) : Compare(parse)));
        return verb;
    }

    /// <summary>What the options say that they cannot say together; null where they can.</summary>
    private static string? Conflict(CommandResult result)
    {
        string format = result.Written(Format) ?? "text";
        string?[] files = [result.Written(Json), result.Written(Markdown), result.Written(JUnit)];
        int onStdout = files.Count(JsonOutput.TakesStdout) + (format == "text" ? 0 : 1);
        bool history = result.Written(History) is not null;
        if (!history && (result.Written(Base) is null || result.Written(New) is null))
        {
            return "it takes two runs, BASE and NEW, or --history DIR";
        }
        if (history && (result.Written(Base) is not null || files[1] is not null || files[2] is not null || format is "markdown" or "junit"))
        {
            return "--history takes neither BASE and NEW, nor --markdown and --junit";
        }
        if (ConfirmOptions.Conflict(result, history, factor: result.Written(Factor) is not null) is { } conflict)
        {
            return conflict;
        }
        return onStdout > 1 ? "only one of --format, --json, --markdown and --junit can have stdout" : null;
    }

    private static ExitCode Compare(ParseResult parse)
    {
        var options = new ComparisonOptions
        {
            Gate = Enum.Parse<Gate>(parse.GetValue(GateOption)!, ignoreCase: true),
            MinEffect = parse.GetValue(MinEffect),
            Factor = parse.GetValue(Factor),
        };
        string folder = parse.GetValue(New)!;
        var (was, now) = (RunPool.Read(parse.GetValue(Base)!), RunPool.Read(folder));
        CompareDocument comparison;
        if (parse.GetValue(ConfirmOptions.Confirm))
        {
            // It takes minutes, so what is written at the end is tried at the beginning.
            OutputFile.Check("--json", parse.GetValue(Json));
            OutputFile.Check("--markdown", parse.GetValue(Markdown));
            OutputFile.Check("--junit", parse.GetValue(JUnit));
            comparison = ConfirmOptions.Run(parse, was, now, folder, options);
        }
        else
        {
            comparison = Comparison.Of(was, now, options);
        }
        JsonOutput.Write(Target(parse, "json", Json), comparison, types => types.CompareDocument);
        TextOutput.Write(Target(parse, "markdown", Markdown), () => CompareMarkdown.Of(comparison));
        TextOutput.Write(Target(parse, "junit", JUnit), () => CompareJUnit.Of(comparison));
        if (!TakesStdout(parse))
        {
            ReportConsole.ToStdout(console => CompareText.Write(comparison, console));
        }
        return End(comparison);
    }

    /// <summary>3 on a regression; 77 where not one figure of the gate could be judged, since a gate that looks at nothing is not a green one.</summary>
    private static ExitCode End(CompareDocument comparison)
    {
        if (comparison.Verdict == Verdict.Worse)
        {
            return ExitCode.Regression;
        }
        if (comparison.Cells.SelectMany(cell => cell.Figures).Any(figure => figure.Gated && (figure.Verdict != Verdict.CannotSay || figure.Again is not null)))
        {
            return ExitCode.Done;
        }
        Console.Error.WriteLine($"harness compare: {(comparison.Cells.Count == 0 ? "the runs hold no cells" : "not one figure could be judged; the reasons are above")}");
        return ExitCode.NothingCouldRun;
    }

    private static ExitCode ShowHistory(ParseResult parse, string folder)
    {
        var history = ChangeHistory.Read(folder, parse.GetValue(MinEffect), parse.GetValue(Factor));
        JsonOutput.Write(Target(parse, "json", Json), history, types => types.HistoryDocument);
        if (!TakesStdout(parse))
        {
            ReportConsole.ToStdout(console => HistoryText.Write(history, console));
        }
        return history.EnoughRuns ? ExitCode.Done : ExitCode.NothingCouldRun;
    }

    private static string? Target(ParseResult parse, string format, Option<string?> option) => parse.GetValue(Format) == format ? "-" : parse.GetValue(option);

    private static bool TakesStdout(ParseResult parse) =>
        parse.GetValue(Format) != "text" || new[] { parse.GetValue(Json), parse.GetValue(Markdown), parse.GetValue(JUnit) }.Any(JsonOutput.TakesStdout);

    /// <summary><c>3%</c> or <c>0.5 %</c> as a share.</summary>
    private static double Share(string text) =>
        text.EndsWith('%')
        && double.TryParse(text[..^1].Trim(), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double percent)
        && percent is >= 0 and < 1000
            ? percent / 100
            : throw new FormatException($"'{text}' is not a percentage; write one like 3% or 0.5%");
}
