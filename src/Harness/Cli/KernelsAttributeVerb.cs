using System.CommandLine;
using Harness.Kernels;
using Harness.Kernels.Guest;
using Harness.Kernels.Hunt;
using Harness.Matrix;
using Harness.Report;
using Harness.Results;

namespace Harness.Cli;

/// <summary><c>harness kernels attribute</c>: into which functions of the kernel a difference went.</summary>
internal static class KernelsAttributeVerb
{
    private static readonly Argument<string> A = new("A") { Description = "a kernel: a release or its beginning, a suite, or a path" };
    private static readonly Argument<string> B = new("B") { Description = "another" };
    private static readonly Option<int> Top = OptionParsers.Count("--top", "functions to show, those with the largest differences", 1, 10_000, 20);
    private static readonly Option<int[]> Boots = OptionParsers.Parsed(
        "--boots", "N,M", "which boot of A, and which of B, each with other random numbers: 'A A --boots 1,2' says how boots of one kernel differ [default: 1,1]", ReadBoots);
    private static readonly Option<string?> Json = OptionParsers.Json();
    private static readonly Option<string?> Markdown = OptionParsers.Text("--markdown", "FILE|-", "the same as a Markdown table");

    // Hidden: tests put a scripted emulator in its place.
    private static readonly Option<string?> Emulator = new("--qemu") { Hidden = true };

    public static Command Create()
    {
        var verb = new Command("attribute", "into which functions of the kernel the difference of a cell between two kernels went: a boot of each, counted by function")
        {
            A, B, KernelsHunt.Cell, KernelsHunt.Matrix, Boots, Top, KernelsHunt.Cached, KernelsHunt.Deadline, KernelsVerb.Cache, Json, Markdown, Emulator,
        };
        verb.Validators.Add(result =>
        {
            if (JsonOutput.TakesStdout(result.Written(Json)) && JsonOutput.TakesStdout(result.Written(Markdown)))
            {
                result.AddError("only one of --json and --markdown can go to stdout");
            }
        });
        verb.SetAction(parse => (int)Run(parse));
        return verb;
    }

    private static ExitCode Run(ParseResult parse)
    {
        OutputFile.Check("--json", parse.GetValue(Json));
        OutputFile.Check("--markdown", parse.GetValue(Markdown));
        using var interrupts = new Interrupts();
        MatrixDefinition matrix = KernelsHunt.ReadMatrix(parse);
        Cell cell = matrix.Cells()[0];
        KernelCache cache = KernelsVerb.CacheOf(parse);
        int[] boots = parse.GetValue(Boots) ?? [1, 1];
        CachedKernel[] kernels = Kernels(parse, cache, interrupts.Token);
        GuestTools tools = GuestTools.Make(cache, parse.GetValue(Emulator), Say);
        if (tools.Plugin is null)
        {
            // It says why there is none.
            tools = tools with { Plugin = InstructionPlugin.Make(cache, tools.Qemu) };
        }
        var session = new AttributionSession(cache, tools, parse.GetValue(KernelsHunt.Deadline), Say);
        try
        {
            FunctionProfile[] profiles = [.. kernels.Zip(boots, (kernel, boot) => session.Profile(kernel, boot, matrix, cell, interrupts.Token))];
            return Show(parse, Attribution.Of(cell.Id, profiles[0], profiles[1]));
        }
        catch (OperationCanceledException)
        {
            Say("interrupted");
            return ExitCode.Failed;
        }
    }

    // What is here is enough, if both are: the archive is asked for what is not.
    private static CachedKernel[] Kernels(ParseResult parse, KernelCache cache, CancellationToken stop)
    {
        string[] words = [parse.GetValue(A)!, parse.GetValue(B)!];
        IReadOnlyList<KernelCandidate> here = KernelCandidates.All(cache.Kernels(), []);
        bool areHere = words.All(word => KernelWord.IsPath(word) || here.Any(kernel => KernelWord.Matches(word, kernel.Release)));
        return areHere || parse.GetValue(KernelsHunt.Cached)
            ? [.. words.Select(word => KernelCandidates.Find(here, word).Here!)]
            : KernelsHunt.WithKernels<CachedKernel[]>(
                parse, cache, stop,
                (all, fetch) => [.. words.Select(word => KernelCandidates.Find(all, word)).Select(found => found.Here ?? fetch(found.Offer!))]);
    }

    private static ExitCode Show(ParseResult parse, Attribution attribution)
    {
        int top = parse.GetValue(Top);
        JsonOutput.Write(parse.GetValue(Json), attribution, types => types.Attribution);
        TextOutput.Write(parse.GetValue(Markdown), () => AttributionText.Markdown(attribution, top));
        if (!JsonOutput.TakesStdout(parse.GetValue(Json)) && !JsonOutput.TakesStdout(parse.GetValue(Markdown)))
        {
            ReportConsole.ToStdout(console => AttributionText.Write(attribution, top, console));
        }
        return ExitCode.Done;
    }

    private static int[] ReadBoots(string text)
    {
        string[] words = text.Split(',');
        return words.Length == 2
            ? [.. words.Select(word => Vocabulary.Count(word, 1, 1000))]
            : throw new FormatException($"'{text}' is not two boots; write one for each kernel, like 1,2");
    }

    private static void Say(string line) => Console.Error.WriteLine($"harness kernels attribute: {line}");
}
