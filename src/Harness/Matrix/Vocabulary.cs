using System.Globalization;
using Harness.Io;
using Harness.Load;

namespace Harness.Matrix;

/// <summary>The words that the command line and the matrices share, and the reading of them.</summary>
internal static class Vocabulary
{
    // All else that a loop has to do waits for it.
    private static readonly TimeSpan MostGatherTime = TimeSpan.FromMilliseconds(10);

    public static readonly string[] Backends = [.. LoopBackends.All];
    public static readonly string[] Waits = [.. Enum.GetNames<WaitMode>().Select(name => name.ToLowerInvariant())];
    public static readonly string[] Patterns = ["random", "sequential"];
    public static readonly string[] Arrivals = ["constant", "poisson"];
    public static readonly string[] YesOrNo = ["true", "false"];
    public static readonly string[] Transports = ["unix", "tcp", "tcp6"];

    /// <summary>What a cell does in full: an NBD server and a client.</summary>
    public const string Nbd = "nbd";

    /// <summary>Two processes that exchange the same bytes and do nothing else: the limit.</summary>
    public const string Exchange = "exchange";

    /// <summary>One process whose ring completes NOPs.</summary>
    public const string Nop = "nop";

    /// <summary>One process whose loop moves tokens through pipes: the pipe test, of one backend's variant.</summary>
    public const string Events = "events";

    /// <summary>One process that makes the system call that does least.</summary>
    public const string Syscall = "syscall";

    public static readonly string[] Layers = [Nbd, Exchange, Nop, Events, Syscall];

    /// <summary>Our own program, on either side of a cell; any other name there is a peer's.</summary>
    public const string Ours = "harness";

    public static readonly string[] Servers = [Ours, "nbdkit", "qemu-nbd", "nbd-server"];
    /// <summary>Our own <c>harness copy</c> as a client, beside nbdcopy.</summary>
    public const string Copy = "copy";

    public static readonly string[] Clients = [Ours, "fio", "nbdcopy", Copy];

    /// <summary>Whether the client sends while a reply is half received, and on how many threads: <see cref="Load.Duplex"/>.</summary>
    public static readonly string[] Duplexes = ["full", "half", "threads"];

    /// <summary>
    /// The kernel's parameter of that name: what it finds necessary on its CPU, or none. A running kernel has what it was
    /// booted with, which is <c>auto</c> here.
    /// </summary>
    public static readonly string[] Mitigations = ["auto", "off"];

    /// <summary>Forms of replies, the shortest first: <see cref="Nbd.ReplyForm"/>.</summary>
    public static readonly string[] ReplyForms = ["simple", "structured", "extended"];

    /// <summary>The client's backend or wait mode where it is the server's.</summary>
    public const string SameAsServer = "same";

    /// <summary>The backend and the wait mode of a cell in which neither process is ours.</summary>
    public const string None = "none";

    /// <summary>The backend that ratios are given against.</summary>
    public const string BaselineBackend = "epoll";

    /// <summary>The rate of a matrix's cell that has none: as fast as the server answers.</summary>
    public const string ClosedLoop = "closed";

    private const string Zipf = "zipf:";

    private const long MaxRate = 1_000_000_000;

    // Beyond that a run only waits for its end; how a server behaves that cannot keep up shows well below.
    private const int MaxRatePercent = 200;

    /// <summary>True for the backends that need io_uring from the kernel.</summary>
    public static bool NeedsRing(string backend) => backend.StartsWith("uring", StringComparison.Ordinal);

    /// <summary>The word itself where it is legal.</summary>
    /// <exception cref="FormatException">Names the word, the closest legal one, and all legal ones.</exception>
    public static string Word(string kind, string word, string[] legal) =>
        legal.Contains(word) ? word : throw new FormatException(Suggest.Unknown(kind, word, legal));

    /// <summary>A whole number in a range.</summary>
    /// <exception cref="FormatException">Names the range.</exception>
    public static int Count(string text, int min, int max) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var n) && n >= min && n <= max
            ? n
            : throw new FormatException($"'{text}' is not a whole number from {min} to {max}");

    /// <summary>How long a loop that blocks may let requests gather: from nothing to a hundredth of a second.</summary>
    /// <exception cref="FormatException">Names the range, or what is wrong with the time.</exception>
    public static TimeSpan GatherTime(string text) =>
        Units.ParseTime(text) is var time && time <= MostGatherTime
            ? time
            : throw new FormatException($"'{text}' is too long to let requests gather; the most is {Units.FormatTime(MostGatherTime)}");

    /// <summary>What fixes everything that is drawn at random.</summary>
    /// <exception cref="FormatException">Names the range.</exception>
    public static ulong Seed(string text) =>
        ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var seed)
            ? seed
            : throw new FormatException($"'{text}' is not a whole number from 0 to {ulong.MaxValue}");

    /// <summary>The share of reads in percent: <c>read</c> is 100, <c>write</c> is 0, <c>mix:70</c> is 70.</summary>
    /// <exception cref="FormatException">Says what is legal.</exception>
    public static int ReadPercent(string text) => text switch
    {
        "read" => 100,
        "write" => 0,
        _ when text.StartsWith("mix:", StringComparison.Ordinal) => MixPercent(text),
        _ => throw new FormatException(Suggest.Unknown("rw", text, ["read", "write", "mix:READ_PCT"])),
    };

    /// <summary>The shortest text of a share of reads; the inverse of <see cref="ReadPercent"/>.</summary>
    public static string FormatReadPercent(int percent) => percent switch { 100 => "read", 0 => "write", _ => $"mix:{percent}" };

    /// <summary>Bytes of one request: from 1 to 32 MiB, the most that every NBD server takes in one request.</summary>
    /// <exception cref="FormatException">Says what is wrong and what is legal.</exception>
    public static int RequestBytes(string text) =>
        Units.ParseSize(text) is var bytes and >= 1 and <= 32 << 20
            ? (int)bytes
            : throw new FormatException($"a request of {text} is outside 1 to 32M");

    /// <summary>Operations per second, 1 to a thousand million; k and M are thousand and million, because nobody counts operations in 1024s.</summary>
    /// <exception cref="FormatException">Says what is legal.</exception>
    public static long Rate(string text)
    {
        long factor = text.Length == 0 ? 1 : text[^1] switch { 'k' => 1_000, 'M' => 1_000_000, _ => 1 };
        string digits = factor == 1 ? text : text[..^1];
        return long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var count) && count >= 1 && count <= MaxRate / factor
            ? count * factor
            : throw new FormatException($"'{text}' is not a rate; write operations per second, like 500, 20k or 1M, at most {MaxRate}");
    }

    /// <summary>
    /// A rate as a share of what the same load reaches in a closed loop, in percent, 1 to 200: 50 of <c>50%</c>; null for a rate of another kind.
    /// </summary>
    /// <exception cref="FormatException">Says what is legal.</exception>
    public static int? RatePercent(string rate)
    {
        if (!rate.EndsWith('%'))
        {
            return null;
        }
        var digits = rate.AsSpan(0, rate.Length - 1);
        return int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var percent) && percent is >= 1 and <= MaxRatePercent
            ? percent
            : throw new FormatException($"'{rate}' is not a share of the saturated rate; write a whole number from 1% to {MaxRatePercent}%, like 50%");
    }

    /// <summary>An order of offsets in its one canonical text: a word, or <c>zipf:THETA</c>.</summary>
    /// <exception cref="FormatException">Says what is legal.</exception>
    public static string Pattern(string text) => text.StartsWith(Zipf, StringComparison.Ordinal)
        ? FormatPattern(AccessPattern.Zipf, ZipfTheta(text))
        : Word("pattern", text, [.. Patterns, "zipf:THETA"]);

    /// <summary>The exponent of <c>zipf:THETA</c>, above 0 and at most 5; 0 for another pattern.</summary>
    /// <exception cref="FormatException">Says what is legal.</exception>
    public static double ZipfTheta(string pattern)
    {
        if (!pattern.StartsWith(Zipf, StringComparison.Ordinal))
        {
            return 0;
        }
        var text = pattern.AsSpan(Zipf.Length);
        return double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var theta) && theta is > 0 and <= 5
            ? Math.Max(Math.Round(theta, 3), 0.001)
            : throw new FormatException($"'{pattern}': theta is a number above 0 and at most 5, as in zipf:0.99");
    }

    /// <summary>The inverse of <see cref="Pattern"/>.</summary>
    public static string FormatPattern(AccessPattern pattern, double zipfTheta) => pattern == AccessPattern.Zipf
        ? string.Create(CultureInfo.InvariantCulture, $"{Zipf}{zipfTheta:0.###}")
        : pattern.ToString().ToLowerInvariant();

    private static int MixPercent(string text) =>
        int.TryParse(text.AsSpan(4), NumberStyles.None, CultureInfo.InvariantCulture, out var percent) && percent <= 100
            ? percent
            : throw new FormatException($"'{text}': the share of reads is a whole number from 0 to 100, as in mix:70");
}
