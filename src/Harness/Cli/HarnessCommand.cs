using System.CommandLine;
using System.CommandLine.Help;
using Harness.Serve;

namespace Harness.Cli;

/// <summary>The command line: parse, or say in one line why not; then the verb.</summary>
internal static class HarnessCommand
{
    public static ExitCode Invoke(string[] args)
    {
        SystemStores.Register();
        var root = Build();
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

    private static RootCommand Build()
    {
        var root = new RootCommand("Linux I/O performance harness: NBD traffic and events through poll, epoll, uring-poll, uring and uring-epoll, and what each costs.")
        {
            ServeVerb.Create(),
            LoadVerb.Create(),
            LoadsVerb.Create(),
            RunVerb.Create(),
            ReportVerb.Create(),
            CompareVerb.Create(),
            SelfCheckVerb.Create(),
            ProbeVerb.Create(),
            EventsVerb.Create(),
            TimelineVerb.Create(),
            CopyVerb.Create(),
            BlocksVerb.Create(),
            CtlVerb.Create(),
            KernelsVerb.Create(),
            RungVerb.Create(),
        };
        root.Directives.Clear();
        var help = root.Options.OfType<HelpOption>().Single();
        help.Action = new HelpEpilogue((HelpAction)help.Action!);
        return root;
    }
}
