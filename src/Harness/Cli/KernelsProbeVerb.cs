using System.CommandLine;
using Harness.Kernels;
using Harness.Kernels.Guest;
using Harness.Measure;
using Harness.Report;
using Harness.Results;

namespace Harness.Cli;

/// <summary><c>harness kernels probe</c>: what each kernel can do and how its io_uring behaves, side by side.</summary>
internal static class KernelsProbeVerb
{
    private static readonly Option<string?> ResultsRoot = OptionParsers.Text(
        "--results", "DIR", "where probe.json of each kernel goes, in guest-<release>/<date>-probe-<commit> [default: results/ of the source tree]");

    private static readonly Option<bool> Kept = new("--kept") { Description = "boots nothing: of each kernel the newest answers that are in the results, those of runs among them" };
    private static readonly Option<string?> Json = OptionParsers.Json();
    private static readonly Option<string?> Markdown = OptionParsers.Text("--markdown", "FILE|-", "the same as Markdown tables, with what was seen in words and what follows from it");
    private static readonly Option<string?> Html = OptionParsers.Text("--html", "FILE", "the same as one HTML page");

    public static Command Create()
    {
        var verb = new Command("probe", "boots each kernel and asks it by harness probe: what arrived with which kernel, and what of io_uring behaves differently")
        {
            KernelsRunVerb.Kernels, KernelsRunVerb.Guests, KernelsRunVerb.Deadline, Kept, ResultsRoot, KernelsVerb.Cache, Json, Markdown, Html,
            KernelsRunVerb.Emulator,
        };
        verb.Validators.Add(result =>
        {
            if (JsonOutput.TakesStdout(result.Written(Json)) && JsonOutput.TakesStdout(result.Written(Markdown)))
            {
                result.AddError("only one of --json and --markdown can go to stdout");
            }
            if (result.GetValue(Kept) && result.Written(KernelsRunVerb.Kernels) is not null)
            {
                result.AddError("--kept shows all kernels of the results, and --kernels names those to boot; give one of them");
            }
        });
        verb.SetAction(parse => (int)Show(parse));
        return verb;
    }

    private static ExitCode Show(ParseResult parse)
    {
        using var interrupts = new Interrupts();
        // It takes minutes, so what is written at the end is tried at the beginning.
        OutputFile.Check("--json", parse.GetValue(Json));
        OutputFile.Check("--markdown", parse.GetValue(Markdown));
        OutputFile.Check("--html", parse.GetValue(Html));
        string root = parse.GetValue(ResultsRoot) ?? Path.Combine(Checkout.Root ?? Directory.GetCurrentDirectory(), "results");
        if (parse.GetValue(Kept))
        {
            Write(parse, KernelSemantics.Of(KeptProbes.Newest(root)));
            return ExitCode.Done;
        }
        KernelCache cache = KernelsVerb.CacheOf(parse);
        IReadOnlyList<CachedKernel> kernels = KernelsRunVerb.Choose(parse.GetValue(KernelsRunVerb.Kernels) ?? [], cache);
        Qemu qemu = Qemu.Find(parse.GetValue(KernelsRunVerb.Emulator));
        GuestProgram program = GuestProgram.Find(line => Console.Error.WriteLine($"harness kernels probe: {line}"));
        var session = new KernelProbeSession
        {
            Kernels = kernels,
            ResultsRoot = root,
            Qemu = qemu,
            Image = GuestImage.Make(cache, program),
            Guests = KernelsRunVerb.GuestsOf(parse, timed: false),
            Silence = parse.GetValue(KernelsRunVerb.Deadline),
        };
        IReadOnlyList<ProbedKernel> probed = session.Run(interrupts.Token);
        if (probed.Count > 0)
        {
            Write(parse, KernelSemantics.Of(probed));
        }
        if (interrupts.Token.IsCancellationRequested)
        {
            Console.Error.WriteLine($"harness kernels probe: interrupted; {probed.Count} kernels are kept");
        }
        return probed.Count == kernels.Count ? ExitCode.Done : ExitCode.Failed;
    }

    private static void Write(ParseResult parse, KernelSemantics semantics)
    {
        JsonOutput.Write(parse.GetValue(Json), semantics, types => types.KernelSemantics);
        TextOutput.Write(parse.GetValue(Markdown), () => KernelSemanticsText.Markdown(semantics));
        TextOutput.Write(parse.GetValue(Html), () => KernelsPage.Of(semantics).Render());
        if (!JsonOutput.TakesStdout(parse.GetValue(Json)) && !JsonOutput.TakesStdout(parse.GetValue(Markdown)))
        {
            ReportConsole.ToStdout(console => KernelSemanticsText.Write(semantics, console));
            foreach (KernelColumn kernel in semantics.Kernels)
            {
                StandardOutput.Write($"results: {Path.GetRelativePath(Directory.GetCurrentDirectory(), kernel.Folder!)}\n");
            }
        }
    }
}
