using System.CommandLine;
using System.CommandLine.Parsing;
using Harness.Compare;
using Harness.Matrix;
using Harness.Measure;
using Harness.Report;
using Harness.Results;
using Harness.SelfCheck;
using Harness.Serve;

namespace Harness.Cli;

/// <summary><c>harness self-check</c>: whether the gate works on this machine.</summary>
internal static class SelfCheckVerb
{
    // Three of a hundred rounds may be disturbed at will, and a fifth more time still stands out (RankJudge); fewer rounds need more luck.
    private const int DefaultRounds = 10;

    private static readonly Argument<string?> Matrix = new("MATRIX")
    {
        Description = "a matrix file; without one, bench/aa.yml",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private static readonly Option<int> Comparisons = OptionParsers.Count("--comparisons", "how often to compare the build with itself and with each regression", 1, 99, 20);
    private static readonly Option<int> Rounds = OptionParsers.Count("--rounds", "rounds of each side in a comparison; 7 are the fewest that can find a regression in time", 1, 99, DefaultRounds);
    private static readonly Option<string?> ResultsRoot = OptionParsers.Text("--results", "DIR", "where the results go [default: results/ of the source tree]");
    private static readonly Option<string?> Resume = OptionParsers.Text("--resume", "FOLDER", "go on with a self-check that was cut short: the comparisons that it has made are kept");
    private static readonly Option<string?> Json = OptionParsers.Json();

    // Hidden: for tests, as that of run.
    private static readonly Option<bool> Brief = new("--brief") { Hidden = true };

    public static Command Create()
    {
        var verb = new Command("self-check", "whether the gate works on this machine: compares this build with itself, and with itself made worse on purpose, again and again")
        {
            Matrix, Comparisons, Rounds, ResultsRoot, Resume, Json, Brief,
        };
        verb.Validators.Add(ResumeStandsAlone);
        verb.SetAction(parse => (int)Run(parse));
        return verb;
    }

    private static ExitCode Run(ParseResult parse)
    {
        string? json = parse.GetValue(Json);
        OutputFile.Check("--json", json);
        if (SeededRegression.Asked() is not null)
        {
            throw new HarnessException(ExitCode.Usage, $"{SeededRegression.Variable} is set: self-check seeds its regressions itself, and BASE must have none; unset it");
        }
        using var interrupts = new Interrupts();
        var (plan, folder) = parse.GetValue(Resume) is { } resume ? Resumed(resume) : New(parse);
        bool done = new SelfCheckSession(plan, folder, new RoundMeasurer(CommandLine(parse)), Console.Error).Run(interrupts.Token);
        Show(folder, json);
        if (!done)
        {
            Console.Error.WriteLine($"harness self-check: interrupted; what is compared is kept; harness self-check --resume {folder.Path} does the rest");
            return ExitCode.Failed;
        }
        return folder.Document.Summary.Passed == true ? ExitCode.Done : ExitCode.Failed;
    }

    private static (SelfCheckPlan Plan, SelfCheckFolder Folder) New(ParseResult parse)
    {
        string path = parse.GetValue(Matrix) ?? Path.Combine(Checkout.Root ?? "", "bench", "aa.yml");
        var matrix = MatrixReader.Read(path, parse.GetValue(Brief));
        var plan = SelfCheckPlan.Of(matrix, parse.GetValue(Comparisons), parse.GetValue(Rounds));
        var facts = new EnvironmentReader().Read(RingFacts.Read(), DotnetFacts.Read());
        var document = new SelfCheckDocument
        {
            Matrix = matrix.Name,
            Machine = MachineName.Of(facts),
            Commit = Checkout.Commit(),
            Build = ProgramBuild.Id,
            CommandLine = CommandLine(parse),
            Brief = parse.GetValue(Brief),
            Started = DateTimeOffset.UtcNow,
            Comparisons = plan.Comparisons,
            Rounds = plan.Rounds,
            DurationSeconds = matrix.Duration.TotalSeconds,
            WarmupSeconds = matrix.Warmup.TotalSeconds,
            Cells = [.. matrix.Cells().Select(cell => cell.Id)],
            Environment = facts,
        };
        string root = parse.GetValue(ResultsRoot) ?? Path.Combine(Checkout.Root ?? Directory.GetCurrentDirectory(), "results");
        return (plan, SelfCheckFolder.Create(root, document, matrix.Text));
    }

    private static (SelfCheckPlan Plan, SelfCheckFolder Folder) Resumed(string path)
    {
        var folder = SelfCheckFolder.Open(path);
        return (SelfCheckPlan.Of(folder.ReadMatrix(), folder.Document.Comparisons, folder.Document.Rounds), folder);
    }

    private static void Show(SelfCheckFolder folder, string? json)
    {
        JsonOutput.Write(json, folder.Document, types => types.SelfCheckDocument);
        if (!JsonOutput.TakesStdout(json))
        {
            ReportConsole.ToStdout(console => SelfCheckText.Write(folder.Document, folder.Path, console));
        }
    }

    private static void ResumeStandsAlone(CommandResult result)
    {
        Symbol[] others = [Matrix, Comparisons, Rounds, ResultsRoot, Brief];
        bool IsGiven(Symbol symbol) => symbol switch
        {
            Argument argument => result.GetResult(argument) is { Tokens.Count: > 0 },
            Option option => result.GetResult(option) is { Implicit: false },
            _ => false,
        };
        if (result.GetResult(Resume) is not null && others.FirstOrDefault(IsGiven) is { } given)
        {
            result.AddError($"--resume goes on with what was to be compared; leave {given.Name} away");
        }
    }

    // As it was typed, but for how the program itself was reached.
    private static string CommandLine(ParseResult parse) => string.Join(' ', parse.Tokens.Select(token => token.Value).Prepend("harness"));
}
