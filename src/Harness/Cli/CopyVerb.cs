using System.CommandLine;
using Harness.Copy;
using Harness.Matrix;

namespace Harness.Cli;

/// <summary><c>harness copy</c>: from a file, an export or nothing to another one.</summary>
internal static class CopyVerb
{
    private static readonly Argument<string> Source = new("SRC") { Description = "a file, an NBD URI, or null:SIZE for zeroes" };
    private static readonly Argument<string> Destination = new("DST") { Description = "a file, which is made or emptied, an NBD URI, or null: to drop everything" };
    private static readonly Option<int> Connections = OptionParsers.Count("--connections", "connections to a server that announces CAN_MULTI_CONN; others get one", 1, 1024, 4);
    private static readonly Option<int> Requests = OptionParsers.Count("--requests", "requests in flight for each connection", 1, 16_384, 64);
    private static readonly Option<int?> RequestSize = OptionParsers.Parsed<int?>("--request-size", "SIZE", "bytes of one request of data [default: 256k]", text => Vocabulary.RequestBytes(text));

    private static readonly Option<bool> DestinationIsZero = new("--destination-is-zero")
    {
        Description = "the destination holds nothing but zeroes already, so none are written to it",
    };

    private static readonly Option<bool> Allocated = new("--allocated") { Description = "zeroes take space at the destination too" };
    private static readonly Option<bool> NoExtents = new("--no-extents") { Description = "read all of the source, without asking where its holes are" };
    private static readonly Option<bool> Verify = new("--verify") { Description = "afterwards read both and compare every byte" };
    private static readonly Option<string?> Backend = OptionParsers.Backend();

    // To sleep and be woken between two pieces of one large reply costs the server more than 50 µs of looking cost us.
    private static readonly Option<string> Wait = OptionParsers.Wait("adaptive");

    private static readonly Option<string?> Json = OptionParsers.Json();

    public static Command Create()
    {
        var verb = new Command("copy", "copies a file or an export to another one, holes as holes, over several connections")
        {
            Source, Destination, Connections, Requests, RequestSize, DestinationIsZero, Allocated, NoExtents, Verify, Backend, Wait, Json,
        };
        verb.Validators.Add(result =>
        {
            if (result.GetResult(DestinationIsZero) is { Implicit: false } && result.GetResult(Allocated) is { Implicit: false })
            {
                result.AddError("--destination-is-zero and --allocated exclude each other: what is not written takes no space");
            }
        });
        verb.SetAction(parse =>
        {
            using var interrupts = new Interrupts();
            return (int)CopyRunner.Run(Parse(parse), interrupts.Token);
        });
        return verb;
    }

    private static CopyOptions Parse(ParseResult parse) => new()
    {
        Source = parse.GetValue(Source)!,
        Destination = parse.GetValue(Destination)!,
        Connections = parse.GetValue(Connections),
        Requests = parse.GetValue(Requests),
        RequestBytes = parse.GetValue(RequestSize) ?? CopyOptions.DefaultRequestBytes,
        DestinationIsZero = parse.GetValue(DestinationIsZero),
        Allocated = parse.GetValue(Allocated),
        NoExtents = parse.GetValue(NoExtents),
        Verify = parse.GetValue(Verify),
        Backend = DefaultBackend.Or(parse.GetValue(Backend)),
        Wait = parse.GetValue(Wait)!,
        Json = parse.GetValue(Json),
    };
}
