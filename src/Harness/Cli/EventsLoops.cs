using System.CommandLine;
using HdrHistogram;
using Harness.Events;
using Harness.Matrix;
using Harness.Measure;
using Harness.Report;
using Harness.Results;

namespace Harness.Cli;

/// <summary>The modes of <c>harness events</c> that measure a loop itself: many timers, and many idle connections.</summary>
internal static class EventsLoops
{
    private static readonly Option<long?> Timers = OptionParsers.Parsed<long?>(
        "--timers", "RATE", "a test of its own: so many timers a second, like 100k, armed and cancelled, and how late those come that are due", text => TimerRate(text));

    private static readonly Option<TimeSpan?> Duration = OptionParsers.Parsed<TimeSpan?>(
        "--duration", "TIME", "with --timers: measured time of each backend, in turns of half a second [default: 10s]", text => MeasuredTime(text));

    private static readonly Option<int[]?> Idle = OptionParsers.Parsed<int[]?>(
        "--idle", "N,…", "a test of its own: so many connections, like 1,100,1000,10000, idle but for one: memory of each, and what a wake-up costs",
        text => [.. text.Split(',').Select(part => Vocabulary.Count(part, 1, IdleOptions.MostConnections)).Distinct()]);

    private static readonly Option<string?> ResultsRoot = OptionParsers.Text(
        "--results", "DIR", "with --timers or --idle: also make a folder MACHINE/DATE-events-MODE-COMMIT in this one, which is results/ for what is committed");

    // Hidden: the other process of --idle, which has the connections' other ends.
    private static readonly Option<string?> IdlePeer = new("--idle-peer") { Hidden = true };

    /// <summary>Adds the options to the verb.</summary>
    /// <param name="verb">The verb.</param>
    /// <param name="notBeside">Its options that are of the pipe test only.</param>
    public static void AddTo(Command verb, Option[] notBeside)
    {
        foreach (Option option in (Option[])[Timers, Duration, Idle, ResultsRoot, IdlePeer])
        {
            verb.Add(option);
        }
        verb.Validators.Add(result =>
        {
            bool timers = result.Written(Timers) is not null;
            bool idle = result.Written(Idle) is not null;
            if (timers && idle)
            {
                result.AddError("--timers and --idle are tests of their own; give one of them");
            }
            else if (result.Written(Duration) is not null && !timers)
            {
                result.AddError("--duration goes with --timers RATE; the other tests take --rounds");
            }
            else if ((timers || idle) && notBeside.FirstOrDefault(option => result.Written(option) is not null) is { } other)
            {
                result.AddError($"{other.Name} is of the pipe test and does not go with {(timers ? "--timers" : "--idle")}");
            }
            else if (result.Written(ResultsRoot) is not null && !timers && !idle)
            {
                result.AddError("--results goes with --timers and --idle");
            }
        });
    }

    /// <summary>Whether one of these modes was asked for.</summary>
    public static bool IsAsked(ParseResult parse) => parse.GetResult(Timers) is not null || parse.GetResult(Idle) is not null;

    /// <summary>Runs the mode that was asked for.</summary>
    /// <param name="parse">The command line.</param>
    /// <param name="backends">Which backends.</param>
    /// <param name="rounds">For idle connections: how often each is measured.</param>
    /// <param name="seed">Fixes the order and all that is drawn.</param>
    /// <param name="json">Where the figures go as JSON: a path, <c>-</c> for stdout, or null.</param>
    /// <exception cref="HarnessException">It cannot run; the message is one line.</exception>
    public static ExitCode Run(ParseResult parse, IReadOnlyList<string> backends, int rounds, ulong seed, string? json)
    {
        if (parse.GetValue(IdlePeer) is { } socket)
        {
            return Events.IdlePeer.Run(socket, parse.GetValue(Idle)![0]);
        }
        OutputFile.Check("--json", json);
        string? root = parse.GetValue(ResultsRoot);
        EventsFolder.Check(root);
        using var interrupts = new Interrupts();
        EventsRecord record = Begun(parse);
        LoopTable table;
        IReadOnlyList<(string Name, HistogramBase Ns)> histograms = [];
        if (parse.GetValue(Timers) is { } rate)
        {
            var options = new TimersOptions { Backends = backends, Rate = rate, Seed = seed };
            options = options with { Duration = parse.GetValue(Duration) ?? options.Duration };
            var found = TimersRun.Run(options, Console.Error, interrupts.Token);
            record = record with { Mode = "timers", Timers = [.. found.Select(backend => backend.Figures)] };
            JsonOutput.Write(json, record.Timers, types => types.IReadOnlyListTimerFigures);
            table = TimersText.Of(record.Timers);
            histograms = [.. found.Select(backend => ($"backend={backend.Figures.Backend}", (HistogramBase)backend.Load.LatenessNs))];
        }
        else
        {
            var options = new IdleOptions { Backends = backends, Connections = parse.GetValue(Idle)!, Rounds = rounds, Seed = seed };
            record = record with { Mode = "idle", Idle = IdleRun.Run(options, Console.Error, interrupts.Token) };
            JsonOutput.Write(json, record.Idle, types => types.IReadOnlyListIdleFigures);
            table = IdleText.Of(record.Idle);
        }
        if (!JsonOutput.TakesStdout(json))
        {
            ReportConsole.ToStdout(table.Write);
        }
        if (root is not null)
        {
            Console.Error.WriteLine($"results: {EventsFolder.Write(root, record with { Finished = DateTimeOffset.UtcNow }, table, histograms)}");
        }
        return ExitCode.Done;
    }

    private static EventsRecord Begun(ParseResult parse)
    {
        EnvironmentFacts facts = new EnvironmentReader().Read(RingFacts.Read(), DotnetFacts.Read());
        return new EventsRecord
        {
            Mode = "",
            Machine = MachineName.Of(facts),
            Commit = Checkout.Commit(),
            Build = ProgramBuild.Id,
            CommandLine = string.Join(' ', parse.Tokens.Select(token => token.Value).Prepend("harness")),
            Started = DateTimeOffset.UtcNow,
            Finished = DateTimeOffset.UtcNow,
            Environment = facts,
            Warnings = EnvironmentWarnings.Of(facts, usesTcp: false, usesUnix: true),
        };
    }

    // A tenth of a second's timers run at once, in memory.
    private static long TimerRate(string text) =>
        Vocabulary.Rate(text) is var rate and <= 10_000_000 ? rate : throw new FormatException($"'{text}' is more than a loop can do; give at most 10M timers per second");

    private static TimeSpan MeasuredTime(string text) =>
        Units.ParseTime(text) is var time && time >= TimeSpan.FromMilliseconds(10) ? time : throw new FormatException($"'{text}' is too short to measure; give 10ms or more");
}
