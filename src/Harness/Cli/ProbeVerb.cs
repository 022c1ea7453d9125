using System.CommandLine;
using Harness.Measure;
using Harness.Report;
using Harness.Results;

namespace Harness.Cli;

/// <summary><c>harness probe</c>: what this kernel can do, and what here spoils measurements.</summary>
internal static class ProbeVerb
{
    private static readonly Option<string?> Json = OptionParsers.Json();

    public static Command Create()
    {
        var verb = new Command("probe", "what this kernel can do, which backends run here, and what spoils the figures, with the remedy") { Json };
        verb.SetAction(parse => (int)Show(parse.GetValue(Json)));
        return verb;
    }

    private static ExitCode Show(string? json)
    {
        var facts = new EnvironmentReader().Read(RingFacts.Read(), DotnetFacts.Read());
        var stalls = StallWatch.Run(Math.Min(2, Environment.ProcessorCount), StallWatch.ProbeDuration);
        var warnings = EnvironmentWarnings.Of(facts, usesTcp: true, usesUnix: true).Append(StallWatch.Warning(stalls)).OfType<Warning>();
        var probe = ProbeDocument.Of(facts, stalls, [.. warnings]);
        JsonOutput.Write(json, probe, ResultsJson.Document.ProbeDocument);
        if (!JsonOutput.TakesStdout(json))
        {
            ReportConsole.ToStdout(console => ProbeText.Write(probe, console));
        }
        return ExitCode.Done;
    }
}
