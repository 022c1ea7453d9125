using Harness.Matrix;
using Harness.Results;

namespace Harness.Report;

/// <summary>The ways in which a client can work, in one place: what differs between them is nothing but the way.</summary>
internal sealed record ClientPlace
{
    /// <summary>What the place's cells share, as far as places differ in it.</summary>
    public required IReadOnlyDictionary<string, string> Axes { get; init; }

    /// <summary>The way that the others are given against.</summary>
    public required string Baseline { get; init; }

    /// <summary>Its operations per second, over the rounds.</summary>
    public required Spread BaselineIops { get; init; }

    /// <summary>The other ways.</summary>
    public required IReadOnlyList<ClientWay> Ways { get; init; }
}

/// <summary>One way, against the baseline of its place, round by round.</summary>
internal sealed record ClientWay(string Way, Spread Iops, Spread Ratio);

/// <summary>
/// Full duplex, a thread for each side, and libnbd in fio's hands, each against half duplex; and a client that records its timeline against one that does not.
/// </summary>
internal static class ClientWays
{
    /// <summary>fio's engine for NBD is libnbd, with one state machine for each connection.</summary>
    public const string Libnbd = "libnbd (fio)";

    private static readonly string[] s_ofTheWay = ["duplex", "timeline"];

    // Clients that do not work as ours does.
    private static readonly string[] s_others = ["fio", "nbdcopy", Vocabulary.Copy];

    /// <param name="cells">The records of each cell, with the axes of the report's view.</param>
    /// <param name="ratios">The ratios of two cells, round by round.</param>
    public static IReadOnlyList<ClientPlace> Of(
        IReadOnlyList<CellRecord[]> cells, Func<IEnumerable<CellRecord>, CellRecord[], IEnumerable<double>> ratios)
    {
        CellRecord[][] measured = [.. cells.Select(Measured).Where(rounds => rounds.Length > 0)];
        Array.Sort(measured, (one, other) => CellOrder.Instance.Compare(one[0], other[0]));
        var libnbd = measured.Where(rounds => Client(rounds[0]) == "fio").ToLookup(rounds => Others(rounds[0], withClient: false));
        List<ClientPlace> places = [];
        foreach (var place in measured.Where(rounds => !s_others.Contains(Client(rounds[0]))).GroupBy(rounds => Others(rounds[0], withClient: true)))
        {
            CellRecord[][] ways = [.. place, .. libnbd[Others(place.First()[0], withClient: false)]];
            Add(places, ways, "half", ["full", "threads", Libnbd], ratios);
            Add(places, ways, "full", ["full, recorded"], ratios);
            Add(places, ways, "half", ["half, recorded"], ratios);
            Add(places, ways, "threads", ["threads, recorded"], ratios);
        }
        return WithoutWhatAllShare(places);
    }

    private static void Add(
        List<ClientPlace> places, CellRecord[][] ways, string baseline, string[] against,
        Func<IEnumerable<CellRecord>, CellRecord[], IEnumerable<double>> ratios)
    {
        if (Array.Find(ways, rounds => Way(rounds[0]) == baseline) is not { } basis)
        {
            return;
        }
        ClientWay[] found =
        [
            .. from way in against
               let rounds = Array.Find(ways, rounds => Way(rounds[0]) == way)
               where rounds is not null
               let ratio = Spread.Of(ratios(rounds, basis))
               where ratio is not null
               select new ClientWay(way, Iops(rounds), ratio),
        ];
        if (found.Length > 0)
        {
            places.Add(new ClientPlace { Axes = Place(basis[0]), Baseline = baseline, BaselineIops = Iops(basis), Ways = found });
        }
    }

    private static IReadOnlyList<ClientPlace> WithoutWhatAllShare(List<ClientPlace> places)
    {
        HashSet<string> differing =
        [
            .. from axis in places.SelectMany(place => place.Axes)
               group axis.Value by axis.Key into values
               where values.Distinct().Count() > 1
               select values.Key,
        ];
        return [.. places.Select(place => place with { Axes = place.Axes.Where(axis => differing.Contains(axis.Key)).ToDictionary() })];
    }

    private static string Way(CellRecord record) =>
        Client(record) == "fio" ? Libnbd
        : record.Axes.GetValueOrDefault("duplex", "full") + (record.Axes.GetValueOrDefault("timeline") == "true" ? ", recorded" : "");

    private static Dictionary<string, string> Place(CellRecord record) => Axis.Names
        .Where(name => !s_ofTheWay.Contains(name) && record.Axes.ContainsKey(name))
        .ToDictionary(name => name, name => record.Axes[name]);

    private static string Others(CellRecord record, bool withClient) =>
        string.Join('\n', Place(record).Where(axis => withClient || axis.Key != "client").Select(axis => $"{axis.Key}={axis.Value}"));

    private static string Client(CellRecord record) => record.Axes.GetValueOrDefault("client", Vocabulary.Ours);

    private static Spread Iops(CellRecord[] rounds) => Spread.Of(rounds.Select(record => record.Load!.Iops))!;

    private static CellRecord[] Measured(CellRecord[] rounds) =>
        [.. rounds.Where(record => record is { Status: CellStatus.Ok, Load.Saturated: not true })];
}
