using System.CommandLine;
using System.CommandLine.Parsing;
using Harness.Matrix;

namespace Harness.Cli;

/// <summary>Turns a command line that cannot be understood into one line: what is wrong, what was probably meant, where to read on.</summary>
internal static class UsageErrors
{
    /// <summary>The one line, or null where the command line is fine.</summary>
    public static string? Describe(RootCommand root, ParseResult parse, string[] args)
    {
        var command = parse.CommandResult.Command;
        var path = Path(parse.CommandResult);
        var name = string.Join(' ', path.Select(part => part.Name).Skip(1).Prepend("harness"));
        var problem = UnknownVerb(root, command, args) ?? UnknownOption(path, args) ?? UnknownCommand(parse, command)
            ?? Unexpected(parse) ?? Above(parse, path) ?? Invalid(parse, path);
        return problem is null ? null : $"{name}: {problem} ({name} --help explains)";
    }

    /// <summary>The commands that were written, from the root on: <c>ctl SOCKET drain</c> is two below it.</summary>
    private static List<Command> Path(CommandResult result)
    {
        List<Command> path = [];
        for (SymbolResult? part = result; part is CommandResult command; part = part.Parent)
        {
            path.Insert(0, command.Command);
        }

        return path;
    }

    /// <summary>What the verb itself needs, where one of its commands was written: the parser looks at the command alone.</summary>
    private static string? Above(ParseResult parse, List<Command> path) => path
        .SkipLast(1)
        .SelectMany(command => command.Arguments)
        .Where(argument => argument.Arity.MinimumNumberOfValues > 0 && parse.GetResult(argument) is null or { Tokens.Count: 0 })
        .Select(argument => $"{argument.Name} is missing: {argument.Description}")
        .FirstOrDefault();

    /// <summary>A verb that has commands of its own was given none, or one that it does not know.</summary>
    private static string? UnknownCommand(ParseResult parse, Command command)
    {
        string[] legal = [.. command.Subcommands.Select(sub => sub.Name)];
        if (command is RootCommand || legal.Length == 0 || parse.CommandResult.Children.OfType<ArgumentResult>().Any(argument => argument.Tokens.Count == 0))
        {
            return null;
        }
        return parse.UnmatchedTokens is [var word, ..] ? Suggest.Unknown("command", word, legal) : $"which command? {string.Join(", ", legal)}";
    }

    private static string? UnknownVerb(RootCommand root, Command command, string[] args)
    {
        if (command != root || args.Length == 0 || args[0].StartsWith('-'))
        {
            return null;
        }
        return Suggest.Unknown("verb", args[0], [.. root.Subcommands.Where(verb => !verb.Hidden).Select(verb => verb.Name)]);
    }

    // The parser would take an unknown option for an argument and complain about the next word, so it is looked for here first.
    private static string? UnknownOption(List<Command> path, string[] args)
    {
        var options = path[^1].Options.Concat(path.SkipLast(1).SelectMany(command => command.Options).Where(option => option.Recursive)).ToList();
        var legal = options.SelectMany(option => option.Aliases.Append(option.Name)).ToHashSet(StringComparer.Ordinal);
        foreach (var arg in args.TakeWhile(arg => arg != "--"))
        {
            var word = arg.Split('=', ':')[0];
            if (word.StartsWith("--", StringComparison.Ordinal) && !legal.Contains(word))
            {
                var visible = options.Where(option => !option.Hidden).Select(option => option.Name);
                var closest = Suggest.Closest(word, visible);
                return $"unknown option '{word}'" + (closest is null ? "" : $"; did you mean '{closest}'?");
            }
        }
        return null;
    }

    private static string? Unexpected(ParseResult parse) =>
        parse.UnmatchedTokens.Count > 0 ? $"unexpected '{parse.UnmatchedTokens[0]}'" : null;

    private static string? Invalid(ParseResult parse, List<Command> path)
    {
        if (parse.Errors.Count == 0)
        {
            return null;
        }
        var command = path[^1];
        var left = command.Options.FirstOrDefault(option => option.Required && parse.GetResult(option) is null or { Implicit: true });
        if (left is not null)
        {
            return $"{left.Name} is missing: {left.Description}";
        }
        var missing = command.Arguments.FirstOrDefault(argument =>
            argument.Arity.MinimumNumberOfValues > 0 && parse.GetResult(argument) is null or { Tokens.Count: 0 });
        var bare = command.Options.FirstOrDefault(option =>
            option.Arity.MinimumNumberOfValues > 0 && parse.GetResult(option) is { Implicit: false, Tokens.Count: 0 });
        if (bare is not null)
        {
            return $"{bare.Name} needs a value: {bare.Description}";
        }
        var repeated = command.Options.FirstOrDefault(option => option.Arity.MaximumNumberOfValues == 1 && parse.GetResult(option) is { Tokens.Count: > 1 });
        if (repeated is not null)
        {
            return $"{repeated.Name} is given {parse.GetResult(repeated)!.Tokens.Count} times; once is enough";
        }
        return missing is { Arity.MinimumNumberOfValues: > 0 }
            ? $"{missing.Name} is missing: {missing.Description}"
            : parse.Errors[0].Message.TrimEnd('.');
    }
}
