using System.CommandLine;
using System.Globalization;
using Harness.Kernels;
using Harness.Kernels.Guest;
using Harness.Kernels.Hunt;
using Harness.Matrix;
using Harness.Measure;
using Harness.Report;
using Harness.Results;
using Harness.Serve;

namespace Harness.Cli;

/// <summary><c>harness kernels bisect</c>: between which two versions a cell became dearer.</summary>
internal static class KernelsBisectVerb
{
    private const double MostPercent = 10_000;

    private static readonly Argument<string> Good = new("GOOD") { Description = "a kernel from before: a release or its beginning, a suite, or a path" };
    private static readonly Argument<string> Bad = new("BAD") { Description = "a kernel from after; an older one than GOOD looks for an improvement" };

    private static readonly Option<double?> Threshold = OptionParsers.Parsed<double?>(
        "--threshold", "PERCENT", "by how much a version must differ from GOOD to be bad [default: half of the way to BAD]", Percent);

    private static readonly Option<int> Boots = OptionParsers.Count("--boots", "boots of each kernel, each with other random numbers", 1, 1000, 1);
    private static readonly Option<string?> ResultsRoot = OptionParsers.Text("--results", "DIR", "where the results go, and where earlier ones are taken from [default: results/ of the source tree]");
    private static readonly Option<string?> Json = OptionParsers.Json();

    // Hidden: tests put a scripted emulator in its place.
    private static readonly Option<string?> Emulator = new("--qemu") { Hidden = true };

    public static Command Create()
    {
        var verb = new Command("bisect", "between which two neighbouring versions of the archive a cell changed; fetches what it needs, takes what was measured before")
        {
            Good, Bad, KernelsHunt.Cell, KernelsHunt.Matrix, Threshold, Boots, KernelsHunt.Cached, KernelsHunt.Deadline, ResultsRoot, KernelsVerb.Cache, Json,
            Emulator,
        };
        verb.SetAction(parse => (int)Run(parse));
        return verb;
    }

    private static ExitCode Run(ParseResult parse)
    {
        OutputFile.Check("--json", parse.GetValue(Json));
        using var interrupts = new Interrupts();
        MatrixDefinition matrix = KernelsHunt.ReadMatrix(parse) with { Rounds = parse.GetValue(Boots) };
        KernelCache cache = KernelsVerb.CacheOf(parse);
        string? seeded = SeededRegression.Asked();
        return KernelsHunt.WithKernels(parse, cache, interrupts.Token, (all, fetch) =>
        {
            IReadOnlyList<KernelCandidate> versions = KernelCandidates.Between(all, parse.GetValue(Good)!, parse.GetValue(Bad)!);
            Say(string.Create(CultureInfo.InvariantCulture, $"{versions.Count} versions from {versions[0].Release} to {versions[^1].Release}, for {matrix.Cells()[0].Id}"));
            var measurer = new KernelMeasurer
            {
                Matrix = matrix,
                Tools = GuestTools.Make(cache, parse.GetValue(Emulator), Say),
                ResultsRoot = parse.GetValue(ResultsRoot) ?? Path.Combine(Checkout.Root ?? Directory.GetCurrentDirectory(), "results"),
                CommandLine = string.Join(' ', parse.Tokens.Select(token => token.Value).Prepend("harness")),
                Silence = parse.GetValue(KernelsHunt.Deadline),
                SeededRegression = seeded,
                Fetch = fetch,
            };
            var session = new BisectSession(matrix.Cells()[0].Id, versions, candidate => measurer.Measure(candidate, interrupts.Token), Say);
            try
            {
                return Show(parse, session.Run(parse.GetValue(Threshold), interrupts.Token));
            }
            catch (OperationCanceledException)
            {
                Say("interrupted; what was measured is kept, and the same call goes on with it");
                return ExitCode.Failed;
            }
        });
    }

    private static ExitCode Show(ParseResult parse, BisectDocument document)
    {
        JsonOutput.Write(parse.GetValue(Json), document, types => types.BisectDocument);
        if (!JsonOutput.TakesStdout(parse.GetValue(Json)))
        {
            ReportConsole.ToStdout(console => BisectText.Write(document, console));
        }
        if (document.LastGood is null)
        {
            return ExitCode.Failed;
        }
        Say($"where it went: harness kernels attribute {document.LastGood} {document.FirstBad} --cell '{document.Cell}'");
        return ExitCode.Done;
    }

    private static void Say(string line) => Console.Error.WriteLine($"harness kernels bisect: {line}");

    private static double? Percent(string text) =>
        double.TryParse(text.TrimEnd('%'), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double percent)
        && percent is > 0 and <= MostPercent
            ? percent
            : throw new FormatException($"'{text}' is not a threshold; write a number of percent above 0, like 1 or 0.5%");
}
