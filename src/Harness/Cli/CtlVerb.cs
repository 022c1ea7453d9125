using System.CommandLine;
using System.Text.Json;
using Harness.Ctl;
using Harness.Matrix;
using Harness.Results;

namespace Harness.Cli;

/// <summary><c>harness ctl</c>: asks a running server, and changes what it serves, over the socket of <c>serve --control</c>.</summary>
internal static class CtlVerb
{
    private static readonly Argument<string> SocketPath = new("SOCKET") { Description = "the control socket of a running server: what its --control says" };
    private static readonly Option<string?> Json = OptionParsers.Json();
    private static readonly Option<bool> All = new("--all") { Description = "every export, and every background job" };

    public static Command Create() => new("ctl", "speaks to a running server: its counters, its block graph, and changes to it under load")
    {
        SocketPath, Stats(), Graph(), Drain(), Resume(), Insert(), Remove(), Replace(), Reparent(), CtlCopyVerb.Create(SocketPath, Json),
    };

    /// <summary>Asks, prints the JSON where it is wanted, and the text where stdout is free for it.</summary>
    internal static int Show(ParseResult parse, ControlRequest request, Func<JsonElement, string> text)
    {
        using var client = new ControlClient(parse.GetValue(SocketPath)!);
        JsonElement answer = client.Ask(request);
        string? json = parse.GetValue(Json);
        string shown = text(answer);
        JsonOutput.Write(json, answer, types => types.JsonElement);
        if (!JsonOutput.TakesStdout(json))
        {
            StandardOutput.Write(shown);
        }

        return (int)ExitCode.Done;
    }

    private static Command Stats()
    {
        Option<TimeSpan?> time = OptionParsers.Parsed<TimeSpan?>("--for", "TIME",
            "count and time the requests of every block for so long, like 1s; without it only what the server counts anyway", Units.ParseSomeTime);
        var command = new Command("stats", "what the server has done, and what goes through each block") { time, Json };
        command.SetAction(parse => Show(parse, Request(ControlWords.Stats) with { ForMs = parse.GetValue(time)?.TotalMilliseconds }, BlockStatsText.Of));
        return command;
    }

    private static Command Graph()
    {
        Option<string?> svg = OptionParsers.Text("--svg", "FILE|-", "also draw it, to a file or (-) to stdout in place of the text");
        var command = new Command("graph", "the block graph: exports, filters and stores with their IDs") { svg, Json };
        command.Validators.Add(result =>
        {
            if (JsonOutput.TakesStdout(result.Written(Json)) && JsonOutput.TakesStdout(result.Written(svg)))
            {
                result.AddError("only one of --json and --svg can go to stdout");
            }
        });
        command.SetAction(parse => Show(parse, Request(ControlWords.Graph), answer =>
        {
            GraphDocument graph = answer.Deserialize(ResultsJson.Line.GraphDocument)!;
            TextOutput.Write(parse.GetValue(svg), () => GraphSvg.Of(graph));
            return JsonOutput.TakesStdout(parse.GetValue(svg)) ? string.Empty : GraphText.Of(graph);
        }));
        return command;
    }

    private static Command Drain()
    {
        Argument<string?> node = Node(optional: true);
        Option<TimeSpan> deadline = OptionParsers.Parsed("--deadline", "TIME", "how long to wait for what is in flight; then everything goes on as before", Units.ParseTime)
            .WithDefault(TimeSpan.FromSeconds(5));
        Option<TimeSpan?> time = OptionParsers.Parsed<TimeSpan?>("--for", "TIME", "resume by itself after so long [default: only at resume]", Units.ParseSomeTime);
        var command = new Command("drain", "lets requests wait before a node, and returns when nothing is in flight behind it") { node, All, deadline, time, Json };
        OneOf(command, node);
        command.SetAction(parse => Show(
            parse,
            Request(ControlWords.Drain) with
            {
                Node = parse.GetValue(node),
                DeadlineMs = parse.GetValue(deadline).TotalMilliseconds,
                ForMs = parse.GetValue(time)?.TotalMilliseconds,
            },
            CtlText.Drained));
        return command;
    }

    private static Command Resume()
    {
        Argument<string?> node = Node(optional: true);
        var command = new Command("resume", "ends what drain began") { node, All, Json };
        OneOf(command, node);
        command.SetAction(parse => Show(parse, Request(ControlWords.Resume) with { Node = parse.GetValue(node) }, CtlText.Resumed));
        return command;
    }

    private static Command Insert()
    {
        Argument<string> filters = new("FILTERS") { Description = "filters as in a chain, without a store: delay:read=1ms or stats/delay:read=1ms" };
        Option<string> above = OptionParsers.Parsed("--above", "ID", "the node before which they are to stand, on all ways to it", text => text);
        above.Required = true;
        Option<string?> id = OptionParsers.Text("--id", "ID", "the ID of the first of them [default: one is made up]");
        var command = new Command("insert", "puts filters before a node") { filters, above, id, Json };
        command.SetAction(parse => Show(
            parse,
            Request(ControlWords.Insert) with { Node = parse.GetValue(above), Chain = parse.GetValue(filters), NewId = parse.GetValue(id) }, CtlText.Changed));
        return command;
    }

    private static Command Remove()
    {
        Argument<string?> node = Node();
        var command = new Command("remove", "takes a filter out, or a node that nothing leads to") { node, Json };
        command.SetAction(parse => Show(parse, Request(ControlWords.Remove) with { Node = parse.GetValue(node) }, CtlText.Changed));
        return command;
    }

    private static Command Replace()
    {
        Argument<string?> node = Node();
        Argument<string> chain = Chain("what is to stand in its place: a chain, which may end in @ID; its contents are not copied");
        var command = new Command("replace", "puts a chain in a node's place, on all ways to it") { node, chain, Json };
        command.SetAction(parse => Show(
            parse, Request(ControlWords.Replace) with { Node = parse.GetValue(node), Chain = parse.GetValue(chain) }, CtlText.Changed));
        return command;
    }

    private static Command Reparent()
    {
        Argument<string> parent = new("PARENT") { Description = "the ID of a filter, or export:NAME" };
        Argument<string> chain = Chain("what it is to lead to: a chain, which may be just @ID");
        var command = new Command("reparent", "has one filter or export lead to another chain; other ways to the old one stay") { parent, chain, Json };
        command.SetAction(parse => Show(
            parse, Request(ControlWords.Reparent) with { Node = parse.GetValue(parent), Chain = parse.GetValue(chain) }, CtlText.Changed));
        return command;
    }

    internal static ControlRequest Request(string command) => new() { Command = command };

    internal static Argument<string?> Node(bool optional = false) => new("ID")
    {
        Description = "the node, as 'graph' names it",
        Arity = optional ? ArgumentArity.ZeroOrOne : ArgumentArity.ExactlyOne,
    };

    internal static Argument<string> Chain(string description) => new("CHAIN") { Description = description };

    private static void OneOf(Command command, Argument<string?> node) => command.Validators.Add(result =>
    {
        bool hasNode = result.Written(node) is not null;
        if (hasNode == result.GetResult(All) is { Implicit: false })
        {
            result.AddError(hasNode ? "an ID and --all exclude each other" : "which node? Give its ID, as 'graph' names it, or --all");
        }
    });
}
