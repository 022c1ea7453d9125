using System.CommandLine;
using Harness.Kernels;
using Harness.Kernels.Archive;
using Harness.Report;
using Harness.Results;
using Spectre.Console;

namespace Harness.Cli;

/// <summary><c>harness kernels list</c>: what the archives offer, and what is here.</summary>
internal static class KernelsListVerb
{
    private static readonly Argument<string[]> Suites = new("SUITE")
    {
        Description = "which suites; without one, those of apt and of the other releases on the same mirror",
        Arity = ArgumentArity.ZeroOrMore,
    };

    private static readonly Option<bool> Cached = new("--cached") { Description = "only what is here; asks no archive" };
    private static readonly Option<string?> Json = OptionParsers.Json();

    public static Command Create()
    {
        var verb = new Command("list", "the kernels that the configured package archive offers, and those that are here") { Suites, Cached, KernelsVerb.Cache, Json };
        verb.SetAction(parse => (int)Show(parse));
        return verb;
    }

    private static ExitCode Show(ParseResult parse)
    {
        OutputFile.Check("--json", parse.GetValue(Json));
        using var interrupts = new Interrupts();
        KernelCache cache = KernelsVerb.CacheOf(parse);
        IReadOnlyList<KernelListing> kernels = parse.GetValue(Cached)
            ? KernelListing.Of(cache.Kernels(), [])
            : KernelListing.Of(cache.Kernels(), Offers(parse.GetValue(Suites) ?? [], cache, interrupts.Token));
        JsonOutput.Write(parse.GetValue(Json), kernels, types => types.IReadOnlyListKernelListing);
        if (!JsonOutput.TakesStdout(parse.GetValue(Json)))
        {
            ReportConsole.ToStdout(console => Write(kernels, console));
        }
        return ExitCode.Done;
    }

    private static IReadOnlyList<KernelOffer> Offers(string[] suites, KernelCache cache, CancellationToken cancel)
    {
        var progress = DownloadProgress.ToStderr();
        return KernelsVerb.WithArchives(cache, progress, (catalog, _) =>
        {
            var offers = new List<KernelOffer>();
            foreach (string suite in suites.Length > 0 ? suites : catalog.Suites)
            {
                IReadOnlyList<KernelOffer>? found = catalog.Read(suite, cancel);
                if (found is null && suites.Length > 0)
                {
                    progress.Say($"harness kernels list: the archives that apt is set up with have no suite '{suite}'");
                }
                offers.AddRange(found ?? []);
            }
            return offers;
        });
    }

    private static void Write(IReadOnlyList<KernelListing> kernels, IAnsiConsole console)
    {
        var table = new Table().Border(TableBorder.None).AddColumns("release", "package version", "suite", "download", "here");
        table.Columns[3].RightAligned();
        foreach (KernelListing kernel in kernels)
        {
            string download = kernel.Bytes is { } bytes ? $"{bytes / 1e6:0} MB" : "";
            string[] words = [kernel.Release, kernel.Version ?? "", kernel.Suite ?? "", download, kernel.Cached ? "yes" : ""];
            table.AddRow([.. words.Select(Markup.Escape)]);
        }
        console.Write(table);
        if (kernels.Count == 0)
        {
            console.WriteLine("no kernels; harness kernels fetch VERSION brings one");
        }
    }
}
