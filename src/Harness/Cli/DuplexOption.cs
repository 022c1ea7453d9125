using System.CommandLine;
using System.CommandLine.Parsing;
using Harness.Load;
using Harness.Matrix;

namespace Harness.Cli;

/// <summary><c>--duplex</c> and its short form <c>--half-duplex</c>, in the same words in every verb that has them.</summary>
internal static class DuplexOption
{
    public static Option<string?> Create() => OptionParsers.Parsed<string?>(
        "--duplex", "D", "full (both sides at once), half (one at a time, for comparison) or threads (each side on a thread of its own) [default: full]",
        text => Vocabulary.Word("duplex", text, Vocabulary.Duplexes));

    public static Option<bool> CreateHalf() => new("--half-duplex")
    {
        Description = "the same as --duplex half: send nothing while a reply is half received, as libnbd's one state machine does",
    };

    /// <summary>Adds an error where the two say different things.</summary>
    public static void Check(CommandResult result, Option<string?> duplex, Option<bool> half)
    {
        if (result.Written(duplex) is { } asked and not "half" && result.GetResult(half) is { Implicit: false })
        {
            result.AddError($"--half-duplex is --duplex half, and --duplex says {asked}; leave one of them away");
        }
    }

    public static Duplex Read(ParseResult parse, Option<string?> duplex, Option<bool> half) =>
        parse.GetValue(half) ? Duplex.Half : Enum.Parse<Duplex>(parse.GetValue(duplex) ?? Vocabulary.Duplexes[0], ignoreCase: true);
}
