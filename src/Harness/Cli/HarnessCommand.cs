using System.CommandLine;
using System.CommandLine.Help;
using Harness.Serve;

namespace Harness.Cli;

/// <summary>The command line: parse, or say in one line why not; then the verb.</summary>
internal static class HarnessCommand
{
    private static readonly (string Name, Func<Command> Create)[] s_verbs =
    [
        ("serve", ServeVerb.Create),
        ("load", LoadVerb.Create),
        ("loads", LoadsVerb.Create),
        ("run", RunVerb.Create),
        ("report", ReportVerb.Create),
        ("compare", CompareVerb.Create),
        ("self-check", SelfCheckVerb.Create),
        ("probe", ProbeVerb.Create),
        ("events", EventsVerb.Create),
        ("timeline", TimelineVerb.Create),
        ("copy", CopyVerb.Create),
        ("blocks", BlocksVerb.Create),
        ("ctl", CtlVerb.Create),
        ("kernels", KernelsVerb.Create),
        ("rung", RungVerb.Create),
    ];

    public static ExitCode Invoke(string[] args)
    {
        SystemStores.Register();
        var root = Build(args);
        if (args.Length == 0)
        {
            Console.Error.WriteLine($"harness: which verb? {string.Join(", ", root.Subcommands.Where(verb => !verb.Hidden).Select(verb => verb.Name))} (harness --help explains)");
            return ExitCode.Usage;
        }
        // Response files (@file) and directives ([suggest]) are the library's idea, not ours: @ begins a node's name in a block chain.
        var parse = root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        var asksForHelp = parse.Action is HelpEpilogue || parse.Action == root.Options.OfType<VersionOption>().Single().Action;
        if (!asksForHelp && UsageErrors.Describe(root, parse, args) is { } problem)
        {
            Console.Error.WriteLine(problem);
            return ExitCode.Usage;
        }
        // Our own handlers: exceptions become one line in Program, signals belong to the verb that knows how to stop.
        return (ExitCode)parse.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
    }

    /// <summary>The verbs that are asked for: all, or the one that the first word names. To make them all takes longer than most verbs need to begin.</summary>
    private static RootCommand Build(string[] args)
    {
        var root = new RootCommand("Linux I/O performance harness: NBD traffic and events through poll, epoll, uring-poll, uring and uring-epoll, and what each costs.");
        var named = args.Length == 0 ? [] : s_verbs.Where(verb => verb.Name == args[0]).ToArray();
        foreach (var (_, create) in named.Length == 0 ? s_verbs : named)
        {
            root.Add(create());
        }

        root.Directives.Clear();
        var help = root.Options.OfType<HelpOption>().Single();
        help.Action = new HelpEpilogue((HelpAction)help.Action!);
        return root;
    }
}
