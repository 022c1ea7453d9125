using System.CommandLine;
using Harness.Events;
using Harness.Matrix;
using Harness.Results;

namespace Harness.Cli;

/// <summary><c>harness events</c>: the pipe test of the tevent thread, on every backend and its variants.</summary>
internal static class EventsVerb
{
    private const string All = "all";

    private static readonly Option<string[]> Backends = Names("backend", "which backends", EventVariants.Backends);
    private static readonly Option<string[]> Variants = Names("variant", "which of their variants", EventVariants.Names);
    private static readonly Option<int> Pipes = OptionParsers.Count("--pipes", "pipes in the ring", 2, EventsOptions.MostPipes, 32);

    private static readonly Option<int[]> Tokens = OptionParsers.Parsed(
        "--tokens", "N,…", "tokens under way; each number is a test of its own [default: 1,8,32]",
        text => text.Split(',').Select(part => Vocabulary.Count(part, 1, EventsOptions.MostTokens)).Distinct().ToArray());

    private static readonly Option<int> Rounds = OptionParsers.Count("--rounds", "how often each is measured; from 6 on there are 95 % intervals", 1, 1000, 7);
    private static readonly Option<int> Events = OptionParsers.Count("--events", "events of a round, at least", 1, 1_000_000_000, 25_000);

    private static readonly Option<ulong> Seed = OptionParsers.Seed("fixes the order in each round");

    private static readonly Option<string?> Pin = OptionParsers.Text(
        "--pin", "CPU", $"the CPU that it stays on, or {EventsPin.None} [default: the one on which harness run puts a load generator]");

    private static readonly Option<string?> Json = OptionParsers.Json();

    public static Command Create()
    {
        var verb = new Command("events", "what an event costs: tokens go round a ring of pipes, on every backend and its variants, against epoll as tevent uses it")
        {
            Backends, Variants, Pipes, Tokens, Rounds, Events, Seed, Pin, Json,
        };
        EventsLoops.AddTo(verb, notBeside: [Variants, Pipes, Tokens, Events, Pin]);
        verb.SetAction(parse =>
        {
            if (EventsLoops.IsAsked(parse))
            {
                string[] backends = Written(parse, Backends) ?? Vocabulary.Backends;
                return (int)EventsLoops.Run(parse, backends, parse.GetValue(Rounds), parse.GetValue(Seed), parse.GetValue(Json));
            }

            EventsOptions options = Parse(parse);
            OutputFile.Check("--json", options.Json);
            return (int)EventsSession.Run(options, EventsPin.Choose(parse.GetValue(Pin)));
        });
        return verb;
    }

    /// <exception cref="HarnessException">The options do not go together.</exception>
    internal static EventsOptions Parse(ParseResult parse)
    {
        var options = new EventsOptions
        {
            Variants = EventVariants.Require(Written(parse, Backends) ?? EventVariants.Backends, Written(parse, Variants) ?? EventVariants.Names),
            Pipes = parse.GetValue(Pipes),
            Tokens = Written(parse, Tokens) ?? [1, 8, 32],
            Rounds = parse.GetValue(Rounds),
            Events = parse.GetValue(Events),
            Seed = parse.GetValue(Seed),
            Json = parse.GetValue(Json),
        };
        return EventVariants.TooMany(options.Tokens.Max(), options.Pipes) is { } many
            ? throw new HarnessException(ExitCode.Usage, $"--tokens: {many}")
            : options;
    }

    // The library prints a default of several words in a way that nobody would write, so these stand in the descriptions.
    private static T[]? Written<T>(ParseResult parse, Option<T[]> option) => parse.GetValue(option) is { Length: > 0 } values ? values : null;

    private static Option<string[]> Names(string kind, string description, string[] legal) => OptionParsers.Parsed<string[]>(
        $"--{kind}",
        "NAME,…",
        $"{description}: {string.Join(", ", legal)} [default: {All}]",
        text =>
        {
            string[] words = [.. text.Split(',').Select(word => Vocabulary.Word(kind, word, [All, .. legal])).Distinct()];
            return words.Contains(All) ? legal : words;
        });
}
