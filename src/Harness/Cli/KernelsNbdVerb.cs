using System.CommandLine;
using Harness.Kernels;
using Harness.Kernels.Guest;
using Harness.Kernels.NbdCases;
using Harness.Matrix;
using Harness.Measure;
using Harness.Report;
using Harness.Results;

namespace Harness.Cli;

/// <summary><c>harness kernels nbd</c>: the NBD clients of several kernels against our server.</summary>
internal static class KernelsNbdVerb
{
    private static readonly Option<string?> Filter = OptionParsers.Text("--filter", "GLOB,…", "only cases whose name matches one of these, like 'ext4-tcp,reconnect*'");

    private static readonly Option<string[]> Backends = OptionParsers.Parsed<string[]>(
        "--backend", "B,…|all", "one case more with each of these backends of the server; the others take its own choice", BackendsOf);

    private static readonly Option<int> Guests = OptionParsers.Count("--guests", "guests side by side; each keeps a CPU busy", 1, 1024, Math.Clamp(Environment.ProcessorCount, 1, 2));

    private static readonly Option<int> Cpus = OptionParsers.Count("--cpus", "CPUs of a guest, a queue of the client for each; kernels before 6.12 come up with one only", 1, 64, 1);

    private static readonly Option<TimeSpan> Deadline = OptionParsers
        .Parsed("--deadline", "TIME", "a guest that says nothing for so long hangs, and is ended", Units.ParseTime).WithDefault(TimeSpan.FromMinutes(5));

    private static readonly Option<string?> ResultsRoot = OptionParsers.Text("--results", "DIR", "where the results go [default: results/ of the source tree]");
    private static readonly Option<string?> Json = OptionParsers.Json();
    private static readonly Option<string?> Markdown = OptionParsers.Text("--markdown", "FILE|-", "the same as a Markdown table, with what was done and seen");

    // Hidden: tests put a scripted emulator in its place.
    private static readonly Option<string?> Emulator = new("--qemu") { Hidden = true };

    public static Command Create()
    {
        var verb = new Command("nbd", "the kernels' own NBD clients on our server, in QEMU guests: ext4, trim, several connections, a server that dies and comes back, disconnecting in use")
        {
            KernelsRunVerb.Kernels, Filter, Backends, Guests, Cpus, Deadline, ResultsRoot, KernelsVerb.Cache, Json, Markdown, Emulator,
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
        using var interrupts = new Interrupts();
        IReadOnlyList<NbdCase> cases = NbdCase.Select(parse.GetValue(Filter), parse.GetValue(Backends) ?? []);
        KernelCache cache = KernelsVerb.CacheOf(parse);
        IReadOnlyList<CachedKernel> kernels = KernelsRunVerb.Choose(parse.GetValue(KernelsRunVerb.Kernels) ?? [], cache);
        Qemu qemu = Qemu.Find(parse.GetValue(Emulator)) with { Cpus = parse.GetValue(Cpus) };
        GuestImage image = GuestImage.Make(cache, GuestProgram.Find(line => Console.Error.WriteLine($"harness kernels nbd: {line}")));
        var session = new NbdCasesSession
        {
            Cases = cases,
            Kernels = kernels,
            ResultsRoot = parse.GetValue(ResultsRoot) ?? Path.Combine(Checkout.Root ?? Directory.GetCurrentDirectory(), "results"),
            Qemu = qemu,
            Image = image,
            Tools = NbdTools.Find(),
            Guests = parse.GetValue(Guests),
            Silence = parse.GetValue(Deadline),
        };
        var (outcome, records, folders) = session.Run(interrupts.Token);
        JsonOutput.Write(parse.GetValue(Json), records, types => types.IReadOnlyListNbdCasesRecord);
        TextOutput.Write(parse.GetValue(Markdown), () => NbdCasesText.Markdown(records, cases));
        if (!JsonOutput.TakesStdout(parse.GetValue(Json)) && !JsonOutput.TakesStdout(parse.GetValue(Markdown)))
        {
            ReportConsole.ToStdout(console => NbdCasesText.Write(records, cases, console));
            foreach (string folder in folders)
            {
                StandardOutput.Write($"results: {Path.GetRelativePath(Directory.GetCurrentDirectory(), folder)}\n");
            }
        }
        if (outcome.Interrupted)
        {
            Console.Error.WriteLine("harness kernels nbd: interrupted; what is complete is kept");
        }
        return outcome.ExitCode;
    }

    private static string[] BackendsOf(string text) => text == "all"
        ? Vocabulary.Backends
        : [.. text.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(word => Vocabulary.Word("backend", word, Vocabulary.Backends))];
}
