using System.CommandLine;
using Harness.Kernels;
using Harness.Kernels.Archive;
using Harness.Kernels.Guest;
using Harness.Matrix;
using Harness.Measure;
using Harness.Results;
using Harness.Run;
using Harness.Serve;

namespace Harness.Cli;

/// <summary><c>harness kernels run</c>: a matrix on several kernels.</summary>
internal static class KernelsRunVerb
{
    private static readonly Argument<string?> Matrix = new("MATRIX") { Description = "a matrix file with 'ops:'; without one, bench/kernels.yml", Arity = ArgumentArity.ZeroOrOne };

    public static readonly Option<string[]> Kernels = OptionParsers.Parsed<string[]>(
        "--kernels", "A,B,…", "releases or their beginnings, of the kernels that are here, or paths [default: all that are here]", text => text.Split(',', StringSplitOptions.RemoveEmptyEntries));

    private static readonly Option<string> Mode = OptionParsers.Parsed(
        "--mode", "MODE", $"what the guests' clocks do: {string.Join(", ", GuestFacts.Modes)} (instructions, on any machine; or time, which takes KVM)",
        text => Vocabulary.Word("mode", text, GuestFacts.Modes)).WithDefault(GuestFacts.Counted);

    private static readonly Option<string?> Filter = OptionParsers.Text("--filter", "GLOB", "only cells whose id matches, like '*rw=read*'");
    private static readonly Option<int?> Boots = OptionParsers.Parsed<int?>("--boots", "N", "boots of each kernel, each with other random numbers [default: the matrix's rounds]", text => Vocabulary.Count(text, 1, 1000));

    internal static readonly Option<int?> Guests = OptionParsers.Parsed<int?>(
        "--guests", "N", "guests side by side; each keeps a CPU busy [default: 2, on one CPU 1; with --mode timed 1]", text => Vocabulary.Count(text, 1, 1024));

    internal static readonly Option<TimeSpan> Deadline = OptionParsers
        .Parsed("--deadline", "TIME", "a guest that says nothing for so long hangs, and is ended", Units.ParseTime).WithDefault(TimeSpan.FromMinutes(3));

    private static readonly Option<string?> ResultsRoot = OptionParsers.Text("--results", "DIR", "where the results go [default: results/ of the source tree]");

    private static readonly Option<bool> Resume = new("--resume")
    {
        Description = "go on where the same call was cut short: what its kernels' newest runs have is kept, and boots that are not complete are made again",
    };

    // Hidden: tests put a scripted emulator in its place.
    internal static readonly Option<string?> Emulator = new("--qemu") { Hidden = true };

    public static Command Create()
    {
        var verb = new Command("run", "a matrix on several kernels in QEMU guests whose clock counts instructions: no quiet machine is needed, and nothing but the kernel moves")
        {
            Matrix, Kernels, Mode, Filter, Boots, Guests, Deadline, Resume, ResultsRoot, KernelsVerb.Cache, Emulator,
        };
        verb.SetAction(parse => (int)Run(parse));
        return verb;
    }

    private static ExitCode Run(ParseResult parse)
    {
        using var interrupts = new Interrupts();
        string path = parse.GetValue(Matrix) ?? Path.Combine(Checkout.Root ?? "", "bench", "kernels.yml");
        MatrixDefinition matrix = MatrixReader.Read(path, brief: false);
        bool timed = parse.GetValue(Mode) == GuestFacts.Timed;
        if (!timed && matrix.Ops is null)
        {
            throw new HarnessException(ExitCode.Usage, $"{path} measures for a time, and a guest counts a fixed number of operations; add 'ops: 4000' to it, or --mode timed");
        }
        KernelCache cache = KernelsVerb.CacheOf(parse);
        IReadOnlyList<CachedKernel> kernels = Choose(parse.GetValue(Kernels) ?? [], cache);
        string? seeded = SeededRegression.Asked();
        Action<string> say = line => Console.Error.WriteLine($"harness kernels run: {line}");
        GuestTools tools = timed ? GuestTools.Timed(cache, parse.GetValue(Emulator), say) : GuestTools.Make(cache, parse.GetValue(Emulator), say);
        new KvmTrial(tools.Qemu, tools.Image).Require(kernels, interrupts.Token);
        var session = new KernelRunSession
        {
            Matrix = matrix with { Rounds = parse.GetValue(Boots) ?? matrix.Rounds },
            Filter = parse.GetValue(Filter),
            Kernels = kernels,
            ResultsRoot = parse.GetValue(ResultsRoot) ?? Path.Combine(Checkout.Root ?? Directory.GetCurrentDirectory(), "results"),
            CommandLine = string.Join(' ', parse.Tokens.Select(token => token.Value).Prepend("harness")),
            Qemu = tools.Qemu,
            Image = tools.Image,
            ReadyToRun = tools.ReadyToRun,
            Plugin = tools.Plugin,
            SeededRegression = seeded,
            Resume = parse.GetValue(Resume),
            Guests = GuestsOf(parse, timed),
            Silence = parse.GetValue(Deadline),
        };
        var (outcome, folders) = session.Run(interrupts.Token);
        foreach (string folder in folders)
        {
            StandardOutput.Write($"results: {Path.GetRelativePath(Directory.GetCurrentDirectory(), folder)}\n");
        }
        if (outcome.Interrupted)
        {
            Console.Error.WriteLine($"harness kernels run: interrupted; {outcome.Ok} measurements are kept; the same with --resume does the rest");
        }
        return outcome.ExitCode;
    }

    /// <summary>How many guests at a time; those that measure time would disturb each other.</summary>
    internal static int GuestsOf(ParseResult parse, bool timed) => parse.GetValue(Guests) ?? (timed ? 1 : Math.Clamp(Environment.ProcessorCount, 1, 2));

    /// <summary>The kernels that are meant; all that are here where none is named.</summary>
    /// <exception cref="HarnessException">One is not here, or none is.</exception>
    public static IReadOnlyList<CachedKernel> Choose(string[] words, KernelCache cache)
    {
        IReadOnlyList<CachedKernel> here = cache.Kernels();
        CachedKernel[] chosen = words.Length > 0
            ? [.. words.Select(word => KernelWord.IsPath(word) ? KernelFiles.Given(word) : Newest(word, here)).DistinctBy(kernel => kernel.Image)]
            : [.. here.GroupBy(kernel => kernel.Facts.Release).Select(builds => builds.Last())];
        return chosen.Length > 0 ? chosen : throw new HarnessException(ExitCode.NothingCouldRun, "no kernel is here yet; harness kernels fetch VERSION brings one, harness kernels list shows them");
    }

    private static CachedKernel Newest(string word, IReadOnlyList<CachedKernel> here) =>
        here.LastOrDefault(kernel => KernelWord.Matches(word, kernel.Facts.Release) || kernel.Facts.Suite == word)
        ?? throw new HarnessException(ExitCode.Usage, $"no kernel {word} is here; harness kernels fetch {word} brings it");
}
