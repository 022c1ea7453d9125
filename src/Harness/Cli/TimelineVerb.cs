using System.CommandLine;
using Harness.Load;
using Harness.Matrix;
using Harness.Timeline;

namespace Harness.Cli;

/// <summary><c>harness timeline</c>: where a client's time goes, side by side.</summary>
internal static class TimelineVerb
{
    private static readonly Argument<string> Uri = new("URI") { Description = "the server, like nbd://localhost or nbd+unix:///?socket=/tmp/s" };
    private static readonly Option<int> ReadPercent = OptionParsers.Parsed("--rw", "RW", "read, write or mix:READ_PCT [default: mix:50]", Vocabulary.ReadPercent);
    private static readonly Option<string> Pattern = OptionParsers.Parsed("--pattern", "P", "order of offsets: random, sequential or zipf:THETA (hot blocks)", Vocabulary.Pattern).WithDefault("random");
    private static readonly Option<RequestSizes?> Sizes = OptionParsers.Parsed<RequestSizes?>("--size", "SIZE", "bytes of one request, or sizes with their shares in percent like 4k:70,64k:30 [default: 256k]", RequestSizes.Parse);
    private static readonly Option<int> Depth = OptionParsers.Count("--depth", "requests in flight on the one connection", 1, 65536, 8);
    private static readonly Option<int> Ops = OptionParsers.Count("--ops", "operations to record", 1, 10_000_000, 2_000);
    private static readonly Option<TimeSpan?> Warmup = OptionParsers.Parsed<TimeSpan?>("--warmup", "TIME", "time before, under the same load, until the code is compiled [default: 500ms]", text => Units.ParseTime(text));
    private static readonly Option<int> Entries = OptionParsers.Count("--entries", "entries that the ring keeps, 24 bytes each; the newest stay", 1024, 1 << 26, TimelineOptions.UsualEntries);
    private static readonly Option<string?> Backend = OptionParsers.Backend();
    private static readonly Option<string> Wait = OptionParsers.Wait();
    private static readonly Option<ulong> Seed = OptionParsers.Seed("fixes offsets and order");
    private static readonly Option<Nbd.ReplyForm> Replies = OptionParsers.Replies("the richest form of replies to ask the server for", Nbd.ReplyForm.Simple);
    private static readonly Option<string?> Duplex = DuplexOption.Create();
    private static readonly Option<bool> HalfDuplex = DuplexOption.CreateHalf();
    private static readonly Option<string?> Out = OptionParsers.Text("--out", "PREFIX", "write PREFIX.json, a trace for Perfetto or chrome://tracing, and PREFIX.svg, a picture");
    private static readonly Option<TimeSpan?> Window = OptionParsers.Parsed<TimeSpan?>("--window", "TIME", "how much time the picture shows [default: as much as can be told apart]", Units.ParseSomeTime);
    private static readonly Option<string?> Json = OptionParsers.Json();

    public static Command Create()
    {
        var verb = new Command("timeline", "records what a client's two sides do and wait for: a table, a trace for Perfetto, a picture")
        {
            Uri, ReadPercent, Pattern, Sizes, Depth, Ops, Warmup, Entries, Backend, Wait, Seed, Replies, Duplex, HalfDuplex, Out, Window, Json,
        };
        verb.Validators.Add(result =>
        {
            DuplexOption.Check(result, Duplex, HalfDuplex);
            if (result.Written(Window) is not null && result.Written(Out) is null)
            {
                result.AddError("--window is about the picture; give --out PREFIX too");
            }
        });
        verb.SetAction(parse => (int)TimelineRunner.Run(Parse(parse)));
        return verb;
    }

    private static TimelineOptions Parse(ParseResult parse)
    {
        var defaults = new LoadOptions { Uri = "", Backend = "", Wait = "" };
        RequestSizes? sizes = parse.GetValue(Sizes);
        return new TimelineOptions
        {
            Load = defaults with
            {
                Uri = parse.GetValue(Uri)!,
                ReadPercent = parse.GetResult(ReadPercent) is null ? 50 : parse.GetValue(ReadPercent),
                Pattern = Enum.Parse<AccessPattern>(parse.GetValue(Pattern)!.Split(':')[0], ignoreCase: true),
                ZipfTheta = Vocabulary.ZipfTheta(parse.GetValue(Pattern)!),
                RequestBytes = sizes?.Largest ?? 256 << 10,
                Sizes = sizes is { Bytes.Count: > 1 } ? sizes : null,
                Depth = parse.GetValue(Depth),
                Ops = parse.GetValue(Ops),
                Warmup = parse.GetValue(Warmup) ?? defaults.Warmup,
                Backend = DefaultBackend.Or(parse.GetValue(Backend)),
                Wait = parse.GetValue(Wait)!,
                Seed = parse.GetValue(Seed),
                Replies = parse.GetValue(Replies),
                Duplex = DuplexOption.Read(parse, Duplex, HalfDuplex),
            },
            Entries = parse.GetValue(Entries),
            Out = parse.GetValue(Out),
            Window = parse.GetValue(Window),
            Json = parse.GetValue(Json),
        };
    }
}
