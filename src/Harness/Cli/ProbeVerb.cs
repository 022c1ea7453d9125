using System.CommandLine;
using Harness.Io;
using Harness.Measure;
using Harness.Report;
using Harness.Results;

namespace Harness.Cli;

/// <summary><c>harness probe</c>: what this kernel can do, how it behaves, and what here spoils measurements.</summary>
internal static class ProbeVerb
{
    private static readonly Option<string?> Json = OptionParsers.Json();

    private static readonly Option<string?> Markdown = OptionParsers.Text(
        "--markdown", "FILE|-", "how io_uring behaves here, as a Markdown table: what was expected, what was seen, and what follows from it");

    public static Command Create()
    {
        var verb = new Command("probe", "what this kernel can do and how it behaves, which backends run here, and what spoils the figures, with the remedy")
        {
            Json, Markdown,
        };
        verb.Validators.Add(result =>
        {
            if (JsonOutput.TakesStdout(result.Written(Json)) && JsonOutput.TakesStdout(result.Written(Markdown)))
            {
                result.AddError("only one of --json and --markdown can go to stdout");
            }
        });
        verb.SetAction(parse => (int)Show(parse.GetValue(Json), parse.GetValue(Markdown)));
        return verb;
    }

    private static ExitCode Show(string? json, string? markdown)
    {
        var facts = new EnvironmentReader().Read(RingFacts.Read(), DotnetFacts.Read());
        var stalls = StallWatch.Run(Math.Min(2, Environment.ProcessorCount), StallWatch.ProbeDuration);
        var warnings = EnvironmentWarnings.Of(facts, usesTcp: true, usesUnix: true).Append(StallWatch.Warning(stalls)).OfType<Warning>();
        var probe = ProbeDocument.Of(facts, stalls, [.. warnings]) with { Behaviours = KernelBehaviours.Try() };
        JsonOutput.Write(json, probe, types => types.ProbeDocument);
        TextOutput.Write(markdown, () => ProbeMarkdown.Of(probe));
        if (!JsonOutput.TakesStdout(json) && !JsonOutput.TakesStdout(markdown))
        {
            ReportConsole.ToStdout(console => ProbeText.Write(probe, console));
        }
        return ExitCode.Done;
    }
}
