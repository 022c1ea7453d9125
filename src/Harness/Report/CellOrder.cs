using System.Globalization;
using Harness.Matrix;
using Harness.Results;

namespace Harness.Report;

/// <summary>
/// The order of rows: by every other axis first, so that the backends of one group stand together; numbers as numbers, and words in the order
/// of <see cref="Vocabulary"/>.
/// </summary>
internal sealed class CellOrder : IComparer<CellRecord>
{
    public static readonly CellOrder Instance = new();

    private static readonly string[] Words =
    [
        Vocabulary.ClosedLoop, .. Vocabulary.Arrivals, .. Vocabulary.Backends, .. Vocabulary.Servers, .. Vocabulary.Clients.Skip(1),
        .. Vocabulary.Waits, .. Vocabulary.Patterns, .. Vocabulary.Transports,
        "read", "write",
    ];

    // What separates groups most strongly comes first; backend comes last.
    private static readonly string[] Significance =
    [
        "block", "transport", "pattern", "size", "loops", "max_in_flight", "connections", "wait", "gather", "client", "arrivals", "rate", "depth", "rw",
        "duplex", "timeline", "backend",
    ];

    public int Compare(CellRecord? x, CellRecord? y)
    {
        foreach (var axis in Significance)
        {
            var order = CompareValues(x?.Axes.GetValueOrDefault(axis) ?? "", y?.Axes.GetValueOrDefault(axis) ?? "");
            if (order != 0)
            {
                return order;
            }
        }
        return 0;
    }

    /// <summary>Two values of one axis.</summary>
    public static int CompareValues(string a, string b)
    {
        var (rankA, rankB) = (Rank(a), Rank(b));
        return rankA != rankB ? rankA.CompareTo(rankB) : string.CompareOrdinal(a, b);
    }

    private static double Rank(string value)
    {
        // A server or a client of ours may be two words, its backend and its wait mode.
        var word = Array.IndexOf(Words, value.Split(' ')[0]);
        if (word >= 0)
        {
            return word;
        }
        try
        {
            return Units.ParseSize(value.TrimEnd('%'));
        }
        catch (FormatException)
        {
            return double.MaxValue;
        }
    }
}
