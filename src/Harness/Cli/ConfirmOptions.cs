using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Harness.Compare;
using Harness.Run;

namespace Harness.Cli;

/// <summary>The options of <c>harness compare --confirm</c>, and what they ask for.</summary>
internal static class ConfirmOptions
{
    public static readonly Option<bool> Confirm = new("--confirm")
    {
        Description = "measure the cells again in which figures judged over rounds have changed; a change stands only where the fresh rounds alone say so too",
    };

    private static readonly Option<string?> BaseProgram = OptionParsers.Text("--base-program", "PATH", "--confirm: the harness that measured BASE [default: this one]");
    private static readonly Option<string?> NewProgram = OptionParsers.Text("--new-program", "PATH", "--confirm: the harness that measured NEW [default: this one]");

    private static readonly Option<string?> Results = OptionParsers.Text(
        "--results", "DIR", "--confirm: where the fresh rounds go, as DIR/base and DIR/new [default: a folder confirm-<date> beside NEW]");

    public static IEnumerable<Option> All => [Confirm, BaseProgram, NewProgram, Results];

    /// <summary>What cannot be said together; null where it can.</summary>
    public static string? Conflict(CommandResult result, bool history, bool factor)
    {
        bool confirm = result.GetResult(Confirm) is { Implicit: false };
        if (!confirm)
        {
            Option[] others = [BaseProgram, NewProgram, Results];
            return others.FirstOrDefault(option => result.Written(option) is not null) is { } other ? $"{other.Name} says how to --confirm; give that too" : null;
        }
        if (history)
        {
            return "--history has no two sides to --confirm";
        }
        return factor ? "--confirm measures both sides on this machine, so no --factor can differ" : null;
    }

    /// <summary>Measures the suspects again.</summary>
    /// <param name="parse">The command line.</param>
    /// <param name="was">BASE.</param>
    /// <param name="now">NEW.</param>
    /// <param name="newFolder">NEW as it was named.</param>
    /// <param name="options">How they are compared.</param>
    public static CompareDocument Run(ParseResult parse, RunPool was, RunPool now, string newFolder, ComparisonOptions options)
    {
        using var interrupts = new Interrupts();
        var first = Comparison.Of(was, now, options);
        var baseProgram = MeasuringProgram.Command(BaseProgram.Name, parse.GetValue(BaseProgram));
        var newProgram = MeasuringProgram.Command(NewProgram.Name, parse.GetValue(NewProgram));
        MeasuringProgram.RequireSame("base", baseProgram, was);
        MeasuringProgram.RequireSame("new", newProgram, now);
        string results = parse.GetValue(Results) is { } given ? Unused(given) : Beside(newFolder);
        var session = new ConfirmationSession(
            new ConfirmedSide("base", was, new ProgramRoundRunner(baseProgram)),
            new ConfirmedSide("new", now, new ProgramRoundRunner(newProgram)),
            results,
            Console.Error);
        return session.Confirm(first, interrupts.Token);
    }

    // Runs that are there already would count as fresh rounds.
    private static string Unused(string folder) => new[] { "base", "new" }.Any(side => Directory.Exists(Path.Combine(folder, side)))
        ? throw new HarnessException(ExitCode.Usage, $"--results '{folder}' holds runs already, which would count as fresh rounds; give another folder")
        : folder;

    private static string Beside(string folder)
    {
        string name = $"confirm-{DateTime.UtcNow.ToString("yyyy-MM-dd'T'HHmmss", CultureInfo.InvariantCulture)}";
        string parent = Path.GetDirectoryName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder))) ?? "/";
        string free = Path.Combine(parent, name);
        for (int n = 2; Directory.Exists(free); n++)
        {
            free = Path.Combine(parent, string.Create(CultureInfo.InvariantCulture, $"{name}-{n}"));
        }
        string relative = Path.GetRelativePath(Directory.GetCurrentDirectory(), free);
        return relative.StartsWith("..", StringComparison.Ordinal) ? free : relative;
    }
}
