using System.CommandLine;
using Harness.Matrix;

namespace Harness.Cli;

/// <summary><c>harness events</c>: what the event loop itself costs.</summary>
internal static class EventsVerb
{
    private const string All = "all";

    private static readonly Option<string[]> Backends = OptionParsers.Parsed(
        "--backend", "B,…", $"which backends: {All}, or {string.Join(", ", Vocabulary.Backends)} [default: {All}]",
        text => text == All ? Vocabulary.Backends : [.. text.Split(',').Select(word => Vocabulary.Word("backend", word, Vocabulary.Backends)).Distinct()]);

    private static readonly Option<int> Rounds = OptionParsers.Count("--rounds", "how often each is measured; from 6 on there are 95 % intervals", 1, 1000, 7);
    private static readonly Option<string?> Json = OptionParsers.Json();

    public static Command Create()
    {
        var verb = new Command("events", "what the event loop itself costs, on every backend") { Backends, Rounds, Json };
        EventsLoops.AddTo(verb);
        verb.Validators.Add(result =>
        {
            if (result.Children.All(child => child.Tokens.Count == 0))
            {
                result.AddError("what is to be measured? --timers RATE or --idle N,…");
            }
        });
        verb.SetAction(parse => (int)EventsLoops.Run(
            parse, parse.GetValue(Backends) is { Length: > 0 } named ? named : Vocabulary.Backends, parse.GetValue(Rounds), seed: 1, parse.GetValue(Json)));
        return verb;
    }
}
