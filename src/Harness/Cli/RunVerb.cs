using System.CommandLine;
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
    private static readonly Option<string?> Json = OptionParsers.Json();

    // Hidden: it is how tests run every matrix in seconds, and its figures mean little.
    private static readonly Option<bool> Brief = new("--brief") { Hidden = true };

    public static Command Create()
    {
        var verb = new Command("run", "runs a matrix: a fresh server and load generator per cell, rounds interleaved, results written after every cell") { Matrix, Filter, Rounds, ResultsRoot, Json, Brief };
        verb.SetAction(parse => (int)Run(parse));
        return verb;
    }

    private static ExitCode Run(ParseResult parse)
    {
        var path = parse.GetValue(Matrix) ?? Path.Combine(Checkout.Root ?? "", "bench", "smoke.yml");
        var matrix = MatrixReader.Read(path, parse.GetValue(Brief));
        var json = parse.GetValue(Json);
        OutputFile.Check("--json", json);
        using var interrupts = new Interrupts();
        var session = new RunSession
        {
            Matrix = matrix with { Rounds = parse.GetValue(Rounds) ?? matrix.Rounds },
            Filter = parse.GetValue(Filter),
            ResultsRoot = parse.GetValue(ResultsRoot) ?? Path.Combine(Checkout.Root ?? Directory.GetCurrentDirectory(), "results"),
            CommandLine = CommandLine(parse),
            Program = HarnessProgram.Command,
        };
        var (outcome, folder) = session.Run(interrupts.Token);
        ReportVerb.Show(folder, json);
        var code = outcome.ExitCode;
        if (outcome.Interrupted)
        {
            Console.Error.WriteLine($"harness run: interrupted; {outcome.Ok} measurements are kept");
        }
        else if (code == ExitCode.NothingCouldRun)
        {
            Console.Error.WriteLine("harness run: no cell could run here; the reasons are above, and harness probe says what to do");
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

    // As it was typed, but for how the program itself was reached.
    private static string CommandLine(ParseResult parse) => string.Join(' ', parse.Tokens.Select(token => token.Value).Prepend("harness"));

    private static string Shown(string folder)
    {
        var relative = Path.GetRelativePath(Directory.GetCurrentDirectory(), folder);
        return relative.StartsWith("..", StringComparison.Ordinal) ? folder : relative;
    }
}
