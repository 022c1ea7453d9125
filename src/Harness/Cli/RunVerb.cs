using System.CommandLine;
using System.CommandLine.Parsing;
using Harness.Matrix;
using Harness.Measure;
using Harness.Results;
using Harness.Run;

namespace Harness.Cli;

/// <summary><c>harness run</c>: measures a matrix.</summary>
internal static class RunVerb
{
    private static readonly Argument<string?> Matrix = new("MATRIX")
    {
        Description = "a matrix file; without one, bench/smoke.yml",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private static readonly Option<string?> Filter = OptionParsers.Text("--filter", "GLOB", "only cells whose id matches, like '*rw=read*'");
    private static readonly Option<int?> Rounds = OptionParsers.Parsed<int?>("--rounds", "N", "passes over all cells [default: the matrix's]", text => Vocabulary.Count(text, 1, 1000));
    private static readonly Option<string?> ResultsRoot = OptionParsers.Text("--results", "DIR", "where the results go [default: results/ of the source tree]");
    private static readonly Option<string?> Resume = OptionParsers.Text("--resume", "RUN", "go on with a run that was cut short: same matrix, seed and order; what it has measured is kept");
    private static readonly Option<bool> Strict = new("--strict") { Description = "exit 4 where the machine is unfit: before anything runs where that is known by then" };
    private static readonly Option<bool> GcPass = new("--gc-pass")
    {
        Description = "after the last round, measure every cell once more with both runtimes traced: pauses of the collector, allocations, exceptions; with --resume also for a run that is complete",
    };

    private static readonly Option<string?> Json = OptionParsers.Json();

    // Hidden: it is how tests run every matrix in seconds, and its figures mean little.
    private static readonly Option<bool> Brief = new("--brief") { Hidden = true };

    public static Command Create()
    {
        var verb = new Command("run", "runs a matrix: a fresh server and load generator per cell, rounds interleaved, results written after every cell") { Matrix, Filter, Rounds, ResultsRoot, Resume, Strict, GcPass, Json, Brief };
        verb.Validators.Add(ResumeStandsAlone);
        verb.SetAction(parse => (int)Run(parse));
        return verb;
    }

    private static ExitCode Run(ParseResult parse)
    {
        var json = parse.GetValue(Json);
        OutputFile.Check("--json", json);
        using var interrupts = new Interrupts();
        var session = parse.GetValue(Resume) is { } resume ? Resumed(parse, ResumedRun.Open(resume)) : New(parse);
        var (outcome, folder) = session.Run(interrupts.Token);
        ReportVerb.Show(folder, json);
        var code = outcome.ExitCode;
        if (outcome.Interrupted)
        {
            Console.Error.WriteLine($"harness run: interrupted; {outcome.Ok} measurements are kept; harness run --resume {Shown(folder)} does the rest");
        }
        else if (outcome.Untraced > 0)
        {
            Console.Error.WriteLine($"harness run: {outcome.Untraced} cells could not be traced; their rounds are kept; harness run --resume {Shown(folder)} traces them again");
        }
        else if (code == ExitCode.NothingCouldRun)
        {
            Console.Error.WriteLine("harness run: no cell could run here; the reasons are above, and harness probe says what to do");
        }
        else if (code == ExitCode.Unfit)
        {
            Console.Error.WriteLine("harness run: --strict: the machine was unfit while it measured; the warnings are above, each with its remedy");
        }
        var where = $"results: {Shown(folder)}\n";
        if (JsonOutput.TakesStdout(json))
        {
            Console.Error.Write(where);
        }
        else
        {
            StandardOutput.Write(where);
        }
        return code;
    }

    private static RunSession New(ParseResult parse)
    {
        var path = parse.GetValue(Matrix) ?? Path.Combine(Checkout.Root ?? "", "bench", "smoke.yml");
        var matrix = MatrixReader.Read(path, parse.GetValue(Brief));
        return new RunSession
        {
            Matrix = matrix with { Rounds = parse.GetValue(Rounds) ?? matrix.Rounds },
            Filter = parse.GetValue(Filter),
            Brief = parse.GetValue(Brief),
            Strict = parse.GetValue(Strict),
            GcPass = parse.GetValue(GcPass) || matrix.GcPass,
            ResultsRoot = parse.GetValue(ResultsRoot) ?? Path.Combine(Checkout.Root ?? Directory.GetCurrentDirectory(), "results"),
            CommandLine = CommandLine(parse),
            Program = HarnessProgram.Command,
        };
    }

    private static RunSession Resumed(ParseResult parse, ResumedRun run) => new()
    {
        Matrix = run.Matrix,
        Filter = run.Record.Filter,
        Brief = run.Record.Brief,
        Strict = parse.GetValue(Strict),
        GcPass = parse.GetValue(GcPass) || run.Record.GcPass,
        ResultsRoot = run.Folder,
        CommandLine = run.Record.CommandLine,
        Program = HarnessProgram.Command,
        Resumed = run,
    };

    private static void ResumeStandsAlone(CommandResult result)
    {
        Symbol[] others = [Matrix, Filter, Rounds, ResultsRoot, Brief];
        if (result.GetResult(Resume) is not null && others.FirstOrDefault(other => IsGiven(result, other)) is { } given)
        {
            result.AddError($"--resume goes on with what the run was to measure; leave {given.Name} away");
        }
    }

    private static bool IsGiven(CommandResult result, Symbol symbol) => symbol switch
    {
        Argument argument => result.GetResult(argument) is { Tokens.Count: > 0 },
        Option option => result.GetResult(option) is { Implicit: false },
        _ => false,
    };

    // As it was typed, but for how the program itself was reached.
    private static string CommandLine(ParseResult parse) => string.Join(' ', parse.Tokens.Select(token => token.Value).Prepend("harness"));

    private static string Shown(string folder)
    {
        var relative = Path.GetRelativePath(Directory.GetCurrentDirectory(), folder);
        return relative.StartsWith("..", StringComparison.Ordinal) ? folder : relative;
    }
}
