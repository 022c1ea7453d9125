using System.CommandLine;
using Harness.Events;
using Harness.Ladder;
using Harness.Matrix;

namespace Harness.Cli;

/// <summary><c>harness rung</c>: a rung of the ladder that NBD stands on, by itself.</summary>
internal static class RungVerb
{
    private static readonly string[] WaitModes = ["block", "spin"];

    private static readonly Argument<string> Rung = new("RUNG")
    {
        Description = "nop: what a ring does at most; exchange: the same bytes as NBD reads, and nothing else; answer: the exchange's other process; events: a variant of the pipe test; syscall: what a system call costs by itself",
    };

    private static readonly Argument<string?> Uri = new("URI")
    {
        Description = "where the answering process listens, like nbd+unix:///?socket=/tmp/s; none for nop, events and syscall",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private static readonly Option<int> Depth = OptionParsers.Count("--depth", "requests in flight per connection; for nop, in a batch", 1, 65536, 64);
    private static readonly Option<int> Connections = OptionParsers.Count("--connections", "connections, the same on both sides", 1, 1024, 1);
    private static readonly Option<int> Size = OptionParsers.Parsed("--size", "SIZE", "bytes of a reply's payload, the same on both sides [default: 4k]", Vocabulary.RequestBytes);
    private static readonly Option<string> Wait = OptionParsers.Parsed(
        "--wait", "W", "with nothing to do: block sleeps, spin asks again", text => Vocabulary.Word("wait mode", text, WaitModes)).WithDefault("block");

    private static readonly Option<string?> Backend = OptionParsers.Parsed<string?>(
        "--backend", "B", "events: whose variant", text => Vocabulary.Word("backend", text, EventVariants.Backends));

    private static readonly Option<string?> Variant = OptionParsers.Parsed<string?>(
        "--variant", "V", "events: which one (harness events --help names them)", text => Vocabulary.Word("variant", text, EventVariants.Names));

    private static readonly Option<int> Pipes = OptionParsers.Count("--pipes", "events: pipes in the ring", 2, EventsOptions.MostPipes, 32);
    private static readonly Option<int> Tokens = OptionParsers.Count("--tokens", "events: tokens under way", 1, EventsOptions.MostTokens, 1);

    private static readonly Option<long?> Ops = OptionParsers.Parsed<long?>(
        "--ops", "N", "syscall: measured system calls, in place of --duration; a tenth of them run before", text => Vocabulary.Count(text, 1, int.MaxValue));

    private static readonly Option<TimeSpan?> Duration = Time("--duration", "measured time [default: 3s]");
    private static readonly Option<TimeSpan?> Warmup = Time("--warmup", "time before the measured part [default: 500ms]");

    private static readonly Option<int?> ServerPid = OptionParsers.Parsed<int?>(
        "--server-pid", "PID", "the answering process: adds its CPU time and context switches to the result", text => Vocabulary.Count(text, 1, int.MaxValue));

    private static readonly Option<string?> TcpCongestion = OptionParsers.Text("--tcp-congestion", "NAME", "TCP congestion control of our sockets, like reno [default: the machine's]");
    private static readonly Option<string?> Json = OptionParsers.Json();

    public static Command Create()
    {
        var verb = new Command("rung", "one rung of the ladder below NBD by itself: what a ring and a bare exchange of the same bytes reach")
        {
            Rung, Uri, Depth, Connections, Size, Wait, Backend, Variant, Pipes, Tokens, Ops, Duration, Warmup, ServerPid, TcpCongestion, Json,
        };
        verb.Validators.Add(result =>
        {
            if (result.Written(Rung) is not { } rung)
            {
                return;
            }
            if (!RungOptions.Names.Contains(rung))
            {
                result.AddError(Suggest.Unknown("rung", rung, RungOptions.Names));
            }
            else if (GoesNowhere(rung) != result.Written(Uri) is null)
            {
                result.AddError(GoesNowhere(rung) ? $"{rung} takes no URI: nothing is sent anywhere" : $"{rung} needs a URI: where the answering process listens, like nbd+unix:///?socket=/tmp/s");
            }
            else if (result.Written(Ops) is not null && (rung != Vocabulary.Syscall || result.Written(Duration) is not null))
            {
                result.AddError(rung != Vocabulary.Syscall
                    ? "--ops counts the calls of syscall; the other rungs measure for a --duration"
                    : "--duration and --ops exclude each other: one ends the measured part by time, the other by count");
            }
            else if (rung == Vocabulary.Events && (result.Written(Backend) is null || result.Written(Variant) is null))
            {
                result.AddError("events needs --backend and --variant, as in --backend epoll --variant maxevents-1");
            }
        });
        verb.SetAction(parse => (int)Run(Parse(parse)));
        return verb;
    }

    private static ExitCode Run(RungOptions options)
    {
        if (options.Rung != RungOptions.Answer)
        {
            return RungRunner.Run(options, CancellationToken.None);
        }
        using var interrupts = new Interrupts();
        return RungRunner.Run(options, interrupts.Token);
    }

    private static bool GoesNowhere(string rung) => rung is Vocabulary.Nop or Vocabulary.Events or Vocabulary.Syscall;

    private static Option<TimeSpan?> Time(string name, string description) =>
        OptionParsers.Parsed<TimeSpan?>(name, "TIME", description, text => Units.ParseTime(text));

    private static RungOptions Parse(ParseResult parse)
    {
        var defaults = new RungOptions { Rung = parse.GetValue(Rung)!, Uri = parse.GetValue(Uri) };
        return defaults with
        {
            Depth = parse.GetValue(Depth),
            Connections = parse.GetValue(Connections),
            PayloadBytes = parse.GetResult(Size) is null ? defaults.PayloadBytes : parse.GetValue(Size),
            Spins = parse.GetValue(Wait) == "spin",
            Variant = defaults.Rung == Vocabulary.Events ? EventVariants.Require(parse.GetValue(Backend)!, parse.GetValue(Variant)!) : null,
            Pipes = parse.GetValue(Pipes),
            Tokens = parse.GetValue(Tokens),
            Ops = parse.GetValue(Ops),
            Duration = parse.GetValue(Duration) ?? defaults.Duration,
            Warmup = parse.GetValue(Warmup) ?? defaults.Warmup,
            ServerPid = parse.GetValue(ServerPid),
            TcpCongestion = parse.GetValue(TcpCongestion),
            Json = parse.GetValue(Json),
        };
    }
}
