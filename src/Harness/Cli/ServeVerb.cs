using System.CommandLine;
using Harness.Matrix;
using Harness.Nbd;
using Harness.Serve;

namespace Harness.Cli;

/// <summary><c>harness serve</c>: an NBD server.</summary>
internal static class ServeVerb
{
    private static readonly Option<string?> Block = OptionParsers.Parsed<string?>("--block", "CHAIN", $"{BlocksText.Grammar} [default: memory:1G]", text => text);

    private static readonly Option<string[]> Listen = new("--listen")
    {
        Description = "where to listen; may be repeated; not where systemd or libnbd hand over the sockets (LISTEN_FDS)",
        HelpName = "URI",
        Arity = ArgumentArity.OneOrMore,
        AllowMultipleArgumentsPerToken = false,
        DefaultValueFactory = _ => ["nbd://localhost:10809"],
    };

    private static readonly Option<ExportOption[]> Export = new("--export")
    {
        Description = "name of --block's export, or with =CHAIN one more export with a chain of its own; may be repeated [default: the default export]",
        HelpName = "NAME[,description=TEXT][=CHAIN]",
        Arity = ArgumentArity.OneOrMore,
        AllowMultipleArgumentsPerToken = false,
        CustomParser = result => OptionParsers.Each("--export", result, ExportOption.Parse),
    };

    private static readonly Option<NodeOption[]> Node = new("--node")
    {
        Description = "a chain whose first block has an ID; chains that are written after it may end in @ID and share it; may be repeated",
        HelpName = "ID=CHAIN",
        Arity = ArgumentArity.OneOrMore,
        AllowMultipleArgumentsPerToken = false,
        CustomParser = result => OptionParsers.Each("--node", result, NodeOption.Parse),
    };

    private static readonly Option<ReplyForm> Replies = OptionParsers.Replies("the richest form of replies that clients may negotiate", ReplyForm.Extended);
    private static readonly Option<bool> ReadOnly = new("--read-only") { Description = "refuse every write" };
    private static readonly Option<bool> Fill = new("--fill") { Description = "write every byte once before serving, so that no read finds memory that is not there yet" };
    private static readonly Option<string?> Backend = OptionParsers.Backend();
    private static readonly Option<string> Wait = OptionParsers.Wait();
    private static readonly Option<TimeSpan?> Gather = OptionParsers.Parsed<TimeSpan?>(
        "--gather", "TIME", $"with --wait block: how long a loop may let requests gather before it looks, where that pays; 0s for never [default: {Axis.DefaultGather}]",
        text => Vocabulary.GatherTime(text));
    private static readonly Option<int> Loops = OptionParsers.Count("--loops", "event loops, one thread each; a connection lives on one of them, the one with the fewest", 1, 1024, 1);
    private static readonly Option<ThreadModel?> Threads = OptionParsers.Parsed<ThreadModel?>("--thread-model", "M",
        $"how much happens in an export at one time, no looser than its chain allows: {string.Join(", ", ThreadModels.Words)} [default: what the chain allows]",
        text => ThreadModels.TryParse(Vocabulary.Word("thread model", text, [.. ThreadModels.Words]), out ThreadModel model) ? model : null);

    private static readonly Option<int> MaxConnections = OptionParsers.Count("--max-connections", "connections at one time, over all loops", 1, 1_000_000, 100);
    private static readonly Option<int?> MaxInFlight = OptionParsers.Parsed<int?>("--max-in-flight", "N", "requests in flight per connection before the server stops receiving [default: 1024]", text => Vocabulary.Count(text, 1, 65536));
    private static readonly Option<long?> MaxBytes = OptionParsers.Parsed<long?>("--max-bytes", "SIZE", "bytes of requests in flight per connection before the server stops receiving [default: 64M]", text => Units.ParseSize(text));
    private static readonly Option<string?> Control = OptionParsers.Text("--control", "SOCKET", "path of a Unix socket on which 'harness ctl' asks and changes the server");

    private static readonly Option<string?> TcpCongestion = OptionParsers.Text("--tcp-congestion", "NAME", "TCP congestion control of our sockets, like reno [default: the machine's]");

    public static Command Create()
    {
        var verb = new Command("serve", "NBD server; prints 'ready URI' per listener when it accepts; SIGTERM drains and ends it")
        {
            Block, Node, Listen, Export, Replies, ReadOnly, Fill, Backend, Wait, Gather, Loops, Threads, MaxConnections, MaxInFlight, MaxBytes, Control,
            TcpCongestion,
        };
        verb.Validators.Add(result =>
        {
            if (result.GetResult(ReadOnly) is { Implicit: false } && result.GetResult(Fill) is { Implicit: false })
            {
                result.AddError("--fill and --read-only exclude each other: filling writes");
            }
        });
        verb.SetAction(parse =>
        {
            using var interrupts = new Interrupts();
            return (int)ServeRunner.Run(Parse(parse), interrupts.Token);
        });
        return verb;
    }

    internal static ServeOptions Parse(ParseResult parse) => new()
    {
        Block = parse.GetValue(Block),
        Listen = parse.GetValue(Listen)!,
        ListenAsked = parse.GetResult(Listen) is { Implicit: false },
        Exports = parse.GetValue(Export) ?? [],
        Nodes = parse.GetValue(Node) ?? [],
        Replies = parse.GetValue(Replies),
        ReadOnly = parse.GetValue(ReadOnly),
        Fill = parse.GetValue(Fill),
        Backend = DefaultBackend.Or(parse.GetValue(Backend)),
        Wait = parse.GetValue(Wait)!,
        Gather = parse.GetValue(Gather) ?? Vocabulary.GatherTime(Axis.DefaultGather),
        Loops = parse.GetValue(Loops),
        ThreadModel = parse.GetValue(Threads),
        MaxConnections = parse.GetValue(MaxConnections),
        MaxInFlight = parse.GetValue(MaxInFlight),
        MaxBytes = parse.GetValue(MaxBytes),
        Control = parse.GetValue(Control),
        TcpCongestion = parse.GetValue(TcpCongestion),
    };
}
