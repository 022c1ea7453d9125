using System.CommandLine;
using System.CommandLine.Parsing;
using Harness.Matrix;
using Harness.Nbd;

namespace Harness.Cli;

/// <summary>Options whose text is read by one of our own parsers, so that every mistake reads alike.</summary>
internal static class OptionParsers
{
    /// <summary>An option that is read by <paramref name="parse"/>; its <see cref="FormatException"/> becomes the one line of the error.</summary>
    public static Option<T> Parsed<T>(string name, string valueName, string description, Func<string, T> parse) => new(name)
    {
        Description = description,
        HelpName = valueName,
        Arity = ArgumentArity.ExactlyOne,
        CustomParser = result =>
        {
            try
            {
                return parse(result.Tokens[0].Value);
            }
            catch (FormatException e)
            {
                result.AddError($"{name}: {e.Message}");
                return default!;
            }
        },
    };

    /// <summary>
    /// What was written for an option or argument, whether it could be read or not; null where nothing was. For validators, which run even where a
    /// value could not be read and then may not ask for it.
    /// </summary>
    public static string? Written(this CommandResult command, Option option) => command.GetResult(option)?.Tokens is [var first, ..] ? first.Value : null;

    /// <inheritdoc cref="Written(CommandResult, Option)"/>
    public static string? Written(this CommandResult command, Argument argument) => command.GetResult(argument)?.Tokens is [var first, ..] ? first.Value : null;

    public static Option<T> WithDefault<T>(this Option<T> option, T value)
    {
        option.DefaultValueFactory = _ => value;
        return option;
    }

    public static Option<string?> Text(string name, string valueName, string description) =>
        Parsed<string?>(name, valueName, description, NotEmpty);

    /// <summary>The default depends on the kernel, so it is left open here and settled when the verb runs.</summary>
    public static Option<string?> Backend() =>
        Parsed<string?>("--backend", "B", $"how the loop asks the kernel for I/O: {string.Join(", ", Vocabulary.Backends)} [default: uring, or epoll where io_uring is refused]",
            text => Vocabulary.Word("backend", text, Vocabulary.Backends));

    public static Option<string> Wait(string usual = "block") =>
        Parsed("--wait", "W", $"what a loop does with nothing to do: {string.Join(", ", Vocabulary.Waits)}", text => Vocabulary.Word("wait mode", text, Vocabulary.Waits))
            .WithDefault(usual);

    public static Option<int> Count(string name, string description, int min, int max, int value) =>
        Parsed(name, "N", description, text => Vocabulary.Count(text, min, max)).WithDefault(value);

    public static Option<ulong> Seed(string description) => Parsed("--seed", "S", description, Vocabulary.Seed).WithDefault(1UL);

    public static Option<ReplyForm> Replies(string description, ReplyForm value) =>
        Parsed("--replies", "R", $"{description}: {string.Join(", ", Vocabulary.ReplyForms)}",
            text => Enum.Parse<ReplyForm>(Vocabulary.Word("form of replies", text, Vocabulary.ReplyForms), ignoreCase: true)).WithDefault(value);

    /// <summary>Reads each of the values of an option that may be repeated.</summary>
    public static T[] Each<T>(string name, ArgumentResult result, Func<string, T> parse)
    {
        try
        {
            return [.. result.Tokens.Select(token => parse(token.Value))];
        }
        catch (FormatException e)
        {
            result.AddError($"{name}: {e.Message}");
            return [];
        }
    }

    public static Option<string?> Json() => Text("--json", "FILE|-", "also write the result as JSON, to a file or (-) to stdout in place of the text");

    private static string NotEmpty(string text) => text.Length > 0 ? text : throw new FormatException("the value is empty; give one, or leave the option out");
}
