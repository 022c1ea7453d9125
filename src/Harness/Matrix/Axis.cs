using System.Globalization;
using Harness.Events;

namespace Harness.Matrix;

/// <summary>One thing that a matrix may vary.</summary>
/// <param name="Name">The key in the YAML file, in cell ids and in results.</param>
/// <param name="Default">The values taken where the matrix does not name the axis.</param>
/// <param name="InEveryId">Whether cell ids name this axis even where it has its default value.</param>
/// <param name="Canonical">Reads a value and gives its one canonical text; a <see cref="FormatException"/> says what is legal.</param>
internal sealed record Axis(string Name, string[] Default, bool InEveryId, Func<string, string> Canonical)
{
    /// <summary>What our server has where a matrix says nothing of it.</summary>
    public const string DefaultMaxInFlight = "1024";

    /// <summary>For how long the loops of our server may let requests gather where a matrix says nothing of it.</summary>
    public const string DefaultGather = "80us";

    /// <summary>Every axis, in the order in which ids, tables and nested loops name them.</summary>
    public static readonly Axis[] All =
    [
        new("backend", Vocabulary.Backends, true, text => Vocabulary.Word("backend", text, Vocabulary.Backends)),
        new("variant", EventVariants.Names, true, text => Vocabulary.Word("variant", text, EventVariants.Names)),
        new("pipes", ["32"], false, text => Vocabulary.Count(text, 2, EventsOptions.MostPipes).ToString(CultureInfo.InvariantCulture)),
        new("tokens", ["1", "8", "32"], true, text => Number(text, EventsOptions.MostTokens)),
        new("wait", ["block"], false, text => Vocabulary.Word("wait mode", text, Vocabulary.Waits)),
        new("gather", [DefaultGather], false, text => Units.FormatTime(Vocabulary.GatherTime(text))),
        new("depth", ["64"], true, text => Number(text, 65536)),
        new("connections", ["1"], false, text => Number(text, 16_384)),
        new("loops", ["1"], false, text => Number(text, 1024)),
        new("max_in_flight", [DefaultMaxInFlight], false, text => Number(text, 65536)),
        new("rate", [Vocabulary.ClosedLoop], false, Rate),
        new("arrivals", ["constant"], false, text => Vocabulary.Word("arrivals", text, Vocabulary.Arrivals)),
        new("size", ["4k"], false, text => RequestSizes.Parse(text).ToString()),
        new("rw", ["read"], true, text => Vocabulary.FormatReadPercent(Vocabulary.ReadPercent(text))),
        new("pattern", ["random"], false, Vocabulary.Pattern),
        new("transport", ["unix"], false, text => Vocabulary.Word("transport", text, Vocabulary.Transports)),
        new("layer", [Vocabulary.Nbd], false, text => Vocabulary.Word("layer", text, Vocabulary.Layers)),
        new("block", ["memory:256M"], false, Chain),
        new("fill", ["false"], false, text => Vocabulary.Word("value", text, [.. Vocabulary.YesOrNo])),
        new("server", [Vocabulary.Ours], false, text => Vocabulary.Word("server", text, Vocabulary.Servers)),
        new("client", [Vocabulary.Ours], false, text => Vocabulary.Word("client", text, Vocabulary.Clients)),
        new("duplex", [Vocabulary.Duplexes[0]], false, text => Vocabulary.Word("duplex", text, Vocabulary.Duplexes)),
        new("timeline", ["false"], false, text => Vocabulary.Word("value", text, [.. Vocabulary.YesOrNo])),
        new("client_backend", [Vocabulary.SameAsServer], false, text => Vocabulary.Word("client_backend", text, [Vocabulary.SameAsServer, .. Vocabulary.Backends])),
        new("client_wait", [Vocabulary.SameAsServer], false, text => Vocabulary.Word("client_wait", text, [Vocabulary.SameAsServer, .. Vocabulary.Waits])),
        new("mitigations", ["auto"], false, text => Vocabulary.Word("mitigations", text, Vocabulary.Mitigations)),
    ];

    public static readonly string[] Names = [.. All.Select(axis => axis.Name)];

    /// <summary>
    /// Whether all cells of a run may have this value without a word about it: NBD, stores as they are, the server's usual bound, or nothing of the kind.
    /// </summary>
    public static bool GoesWithoutSaying(string axis, string value) =>
        value == Vocabulary.None
        || (axis, value) is ("layer", Vocabulary.Nbd) or ("fill", "false") or ("max_in_flight", DefaultMaxInFlight)
            or ("gather", DefaultGather) or ("duplex", "full") or ("timeline", "false") or ("mitigations", "auto");

    private static string Number(string text, int max) => Vocabulary.Count(text, 1, max).ToString(CultureInfo.InvariantCulture);

    private static string Rate(string text) =>
        text == Vocabulary.ClosedLoop ? text
        : Vocabulary.RatePercent(text) is { } percent ? string.Create(CultureInfo.InvariantCulture, $"{percent}%")
        : text.Length > 0 && char.IsAsciiDigit(text[0]) ? Vocabulary.Rate(text).ToString(CultureInfo.InvariantCulture)
        : throw new FormatException($"'{text}' is not a rate; write operations per second, like 500, 20k or 1M, a share of the saturated rate, like 50%, or {Vocabulary.ClosedLoop} for no schedule");

    // What a chain means is the server's to say; here only what would break the command line or the id.
    private static string Chain(string text) =>
        text.Length > 0 && !text.Any(char.IsWhiteSpace)
            ? text
            : throw new FormatException($"'{text}' is not a block chain; write one like memory:256M, delay:read=1ms/memory:1G or file:/path");
}
