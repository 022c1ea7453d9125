using System.CommandLine;
using System.Globalization;
using Harness.Load;
using Harness.Matrix;
using Harness.Nbd;

namespace Harness.Cli;

/// <summary><c>harness load</c>: drives any NBD server.</summary>
internal static class LoadVerb
{
    private static readonly Argument<string> Uri = new("URI") { Description = "the server, like nbd://localhost or nbd+unix:///?socket=/tmp/s" };

    private static readonly Option<int> ReadPercent = OptionParsers.Parsed("--rw", "RW", "read, write or mix:READ_PCT [default: read]", Vocabulary.ReadPercent);
    private static readonly Option<string> Pattern = OptionParsers.Parsed("--pattern", "P", "order of offsets: random, sequential or zipf:THETA (hot blocks)", Vocabulary.Pattern).WithDefault("random");
    private static readonly Option<RequestSizes?> Sizes = OptionParsers.Parsed<RequestSizes?>("--size", "SIZE", "bytes of one request, or sizes with their shares in percent like 4k:70,64k:30 [default: 4k]", RequestSizes.Parse);
    private static readonly Option<TimeSpan?> ThinkTime = OptionParsers.Parsed<TimeSpan?>("--think-time", "TIME", "closed loop: pause between an answer and the next request in its place [default: none]", Units.ParseSomeTime);
    private static readonly Option<int> Depth = OptionParsers.Count("--depth", "requests in flight per connection; with --rate the most there may be", 1, 65536, 64);
    private static readonly Option<int> Connections = OptionParsers.Count("--connections", "connections", 1, 16_384, 1);
    private static readonly Option<TimeSpan?> Duration = OptionParsers.Parsed<TimeSpan?>(
        "--duration", "TIME", "measured time [default: 3s]", Units.ParseSomeTime);
    private static readonly Option<long?> Ops = OptionParsers.Parsed<long?>("--ops", "N", "measured operations, in place of --duration", Operations);
    private static readonly Option<long?> Rate = OptionParsers.Parsed<long?>(
        "--rate", "OPS_PER_SECOND", "open loop: send on a schedule, over all connections; latency counts from the intended time [default: closed loop]", text => Vocabulary.Rate(text));
    private static readonly Option<string> Arrivals = OptionParsers.Parsed(
        "--arrivals", "A", "gaps of the open loop's schedule: constant or poisson", text => Vocabulary.Word("arrivals", text, Vocabulary.Arrivals)).WithDefault("constant");
    private static readonly Option<TimeSpan?> Warmup = OptionParsers.Parsed<TimeSpan?>("--warmup", "TIME", "time before the measured part [default: 500ms]", text => Units.ParseTime(text));
    private static readonly Option<string?> Backend = OptionParsers.Backend();
    private static readonly Option<string> Wait = OptionParsers.Wait();
    private static readonly Option<ulong> Seed = OptionParsers.Seed("fixes offsets, order and data");

    private static readonly Option<string?> Verify = new("--verify")
    {
        Description = "check what is read: versions (own writes), pattern (nbdkit's pattern plugin) or zeroes; alone it means versions",
        HelpName = "versions|pattern|zeroes",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private static readonly Option<TimeSpan?> RequestTimeout = OptionParsers.Parsed<TimeSpan?>("--request-timeout", "TIME", "a request without a reply for this long is an error [default: none]", Units.ParseSomeTime);
    private static readonly Option<ReplyForm> Replies = OptionParsers.Replies("the richest form of replies to ask the server for", ReplyForm.Simple);
    private static readonly Option<string?> Duplex = DuplexOption.Create();
    private static readonly Option<bool> HalfDuplex = DuplexOption.CreateHalf();
    private static readonly Option<bool> Timeline = new("--timeline")
    {
        Description = "record what the client's sides do, as harness timeline does, and throw it away: the figures then say what recording costs",
    };

    private static readonly Option<string?> Json = OptionParsers.Json();
    private static readonly Option<string?> Hgrm = OptionParsers.Text("--hgrm", "FILE", "write the latency percentiles (HdrHistogram)");
    private static readonly Option<string?> Hlog = OptionParsers.Text("--hlog", "FILE", "write the latency interval log (HdrHistogram V2)");
    private static readonly Option<TimeSpan?> HlogInterval = OptionParsers.Parsed<TimeSpan?>("--hlog-interval", "TIME", "length of its intervals, doubled whenever there are 64 of them [default: 1s]", WholeMilliseconds);
    private static readonly Option<string?> ServerControl = OptionParsers.Text("--server-control", "SOCKET", "the server's --control socket: adds its counters to the result");

    private static readonly Option<int?> ServerPid = OptionParsers.Parsed<int?>(
        "--server-pid", "PID", "a server without --control: adds the CPU time and context switches of its process and its children to the result", text => Vocabulary.Count(text, 1, int.MaxValue));

    private static readonly Option<bool> Explain = new("--explain")
    {
        Description = "show where the time goes per operation: user, kernel and waiting, system calls by name, bytes copied, batch sizes (JSON always has it)",
    };

    private static readonly Option<string?> TcpCongestion = OptionParsers.Text("--tcp-congestion", "NAME", "TCP congestion control of our sockets, like reno [default: the machine's]");

    public static Command Create()
    {
        var verb = new Command("load", "drives an NBD server: --depth requests in flight on each connection, or with --rate on a schedule")
        {
            Uri, ReadPercent, Pattern, Sizes, Depth, Connections, ThinkTime, Duration, Ops, Rate, Arrivals, Warmup, Backend, Wait, Seed, Verify, RequestTimeout,
            Replies, Duplex, HalfDuplex, Timeline,
            Json, Hgrm, Hlog, HlogInterval, ServerControl, ServerPid, Explain, TcpCongestion,
        };
        verb.Validators.Add(result =>
        {
            if (result.GetResult(Duration) is not null && result.GetResult(Ops) is not null)
            {
                result.AddError("--duration and --ops exclude each other: one ends the measured part by time, the other by count");
            }
            if (result.Written(HlogInterval) is not null && result.Written(Hlog) is null)
            {
                result.AddError("--hlog-interval is the length of the intervals of a log; give --hlog FILE too");
            }
            DuplexOption.Check(result, Duplex, HalfDuplex);
            if (result.GetResult(ServerControl) is not null && result.GetResult(ServerPid) is not null)
            {
                result.AddError("--server-control and --server-pid exclude each other: a server that answers on its control socket knows more than its process shows");
            }
            if (result.GetResult(Verify) is { Tokens.Count: 1 } verify && !VerifyNames.ContainsKey(verify.Tokens[0].Value))
            {
                result.AddError($"--verify: {Suggest.Unknown("mode", verify.Tokens[0].Value, VerifyNames.Keys)}");
            }
        });
        verb.SetAction(parse => (int)LoadRunner.Run(Parse(parse)));
        return verb;
    }

    internal static LoadOptions Parse(ParseResult parse)
    {
        var defaults = new LoadOptions { Uri = "", Backend = "", Wait = "" };
        return new LoadOptions
        {
            Uri = parse.GetValue(Uri)!,
            ReadPercent = parse.GetResult(ReadPercent) is null ? defaults.ReadPercent : parse.GetValue(ReadPercent),
            Pattern = Enum.Parse<AccessPattern>(parse.GetValue(Pattern)!.Split(':')[0], ignoreCase: true),
            ZipfTheta = Vocabulary.ZipfTheta(parse.GetValue(Pattern)!),
            RequestBytes = parse.GetValue(Sizes)?.Largest ?? defaults.RequestBytes,
            Sizes = parse.GetValue(Sizes) is { Bytes.Count: > 1 } sizes ? sizes : null,
            ThinkTime = parse.GetValue(ThinkTime) ?? TimeSpan.Zero,
            Depth = parse.GetValue(Depth),
            Connections = parse.GetValue(Connections),
            Duration = parse.GetValue(Duration) ?? defaults.Duration,
            Ops = parse.GetValue(Ops),
            Warmup = parse.GetValue(Warmup) ?? defaults.Warmup,
            Rate = parse.GetValue(Rate),
            Arrivals = parse.GetValue(Arrivals) == "poisson" ? ArrivalProcess.Poisson : ArrivalProcess.Constant,
            Backend = DefaultBackend.Or(parse.GetValue(Backend)),
            Wait = parse.GetValue(Wait)!,
            Seed = parse.GetValue(Seed),
            Verify = parse.GetResult(Verify) is null ? VerifyMode.None : VerifyNames[parse.GetValue(Verify) ?? "versions"],
            RequestTimeout = parse.GetValue(RequestTimeout),
            Replies = parse.GetValue(Replies),
            Duplex = DuplexOption.Read(parse, Duplex, HalfDuplex),
            Timeline = parse.GetValue(Timeline),
            Json = parse.GetValue(Json),
            Hgrm = parse.GetValue(Hgrm),
            Hlog = parse.GetValue(Hlog),
            HlogInterval = parse.GetValue(HlogInterval),
            ServerControl = parse.GetValue(ServerControl),
            ServerPid = parse.GetValue(ServerPid),
            Explain = parse.GetValue(Explain),
            TcpCongestion = parse.GetValue(TcpCongestion),
        };
    }

    private static readonly Dictionary<string, VerifyMode> VerifyNames = new()
    {
        ["versions"] = VerifyMode.Versions,
        ["pattern"] = VerifyMode.Pattern,
        ["zeroes"] = VerifyMode.Zeroes,
    };

    // The log tells its times in milliseconds (HdrHistogram's format).
    private static TimeSpan? WholeMilliseconds(string text) =>
        Units.ParseSomeTime(text) is { } time && time.Ticks % TimeSpan.TicksPerMillisecond == 0 ? time : throw new FormatException($"'{text}' is not a whole number of milliseconds");

    private static long? Operations(string text) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var ops) && ops > 0 ? ops : throw new FormatException($"'{text}' is not a whole number above zero");
}
