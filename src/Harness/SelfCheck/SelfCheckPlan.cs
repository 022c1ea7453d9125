using Harness.Compare;
using Harness.Matrix;
using Harness.Results;
using Harness.Serve;

namespace Harness.SelfCheck;

/// <summary>A regression that is seeded, and the gate that is to find it.</summary>
/// <param name="Kind">One of <see cref="SeededRegression.Kinds"/>.</param>
/// <param name="Gate">What <c>compare</c> is asked for.</param>
/// <param name="Every">In which rounds it is measured: in the first, and in every so many after it.</param>
/// <param name="Cells">Where it is to be found.</param>
internal sealed record SeededCheck(string Kind, Gate Gate, int Every, IReadOnlyList<string> Cells);

/// <summary>One of the folders that a comparison is made of: a build in one state, and when it is measured.</summary>
/// <param name="Name">The folder.</param>
/// <param name="Seeded">The regression that it has; null for the build as it is.</param>
/// <param name="Every">As in <see cref="SeededCheck"/>.</param>
/// <param name="Matrix">What of the matrix it measures.</param>
internal sealed record CheckedSide(string Name, string? Seeded, int Every, MatrixDefinition Matrix)
{
    public bool TakesPart(int round) => (round - 1) % Every == 0;
}

/// <summary>
/// What a self-check measures: comparisons of a build with itself, and with itself made worse. One pass serves them all, a round of every side in turns, so
/// that the same rounds of BASE stand against the build itself and against each regression.
/// </summary>
internal sealed class SelfCheckPlan
{
    public const string Base = "base";
    public const string SameBuild = "same-build";

    // An exact figure is decided by one round; more only show that it was no accident. So a third of the rounds is plenty, and time is short.
    private const int EveryCountedRound = 3;

    private SelfCheckPlan(MatrixDefinition matrix, int comparisons, int rounds, IReadOnlyList<SeededCheck> seeded)
    {
        Matrix = matrix;
        Comparisons = comparisons;
        Rounds = rounds;
        Seeded = seeded;
        Sides =
        [
            new CheckedSide(Base, null, 1, matrix),
            new CheckedSide(SameBuild, null, 1, matrix),
            .. seeded.Select(check => new CheckedSide(check.Kind, check.Kind, check.Every, matrix with { Only = check.Cells })),
        ];
    }

    public MatrixDefinition Matrix { get; }
    public int Comparisons { get; }

    /// <summary>Of BASE and the same build, in every comparison.</summary>
    public int Rounds { get; }

    public IReadOnlyList<SeededCheck> Seeded { get; }
    public IReadOnlyList<CheckedSide> Sides { get; }

    /// <summary>Cells that one comparison measures, over all its rounds.</summary>
    public int Measurements => Enumerable.Range(1, Rounds).Sum(round => Turn(1, round).Sum(side => side.Matrix.Cells().Count));

    /// <exception cref="HarnessException">A regression has no cell in the matrix in which it is to be found.</exception>
    public static SelfCheckPlan Of(MatrixDefinition matrix, int comparisons, int rounds)
    {
        string[] exact = Cells(matrix, "block", "system-call and allocation, by figures that are the same on every run");
        string[] spinning = Cells(matrix, "spin", "busy-wait, by the time of a short round trip");
        return new SelfCheckPlan(matrix, comparisons, rounds,
        [
            new SeededCheck(SeededRegression.SystemCall, Gate.Counted, EveryCountedRound, exact),
            new SeededCheck(SeededRegression.Allocation, Gate.Counted, EveryCountedRound, exact),
            new SeededCheck(SeededRegression.BusyWait, Gate.Timed, 1, spinning),
        ]);
    }

    /// <summary>
    /// The sides that are measured in a round, in their order. BASE and the same build take turns in being the first, or the place in the round would be a
    /// difference between them.
    /// </summary>
    public IEnumerable<CheckedSide> Turn(int comparison, int round)
    {
        bool turned = (comparison + round) % 2 == 1;
        CheckedSide[] same = turned ? [Sides[1], Sides[0]] : [Sides[0], Sides[1]];
        return same.Concat(Sides.Skip(2)).Where(side => side.TakesPart(round));
    }

    /// <summary>One round of a side: the same offsets and the same order of cells on every side, others in every round.</summary>
    public MatrixDefinition Round(CheckedSide side, int comparison, int round) => side.Matrix with
    {
        Rounds = 1,
        Seed = Matrix.Seed + (ulong)((comparison * 1000) + round),
    };

    private static string[] Cells(MatrixDefinition matrix, string wait, string what)
    {
        bool Fits(Cell cell) => cell["wait"] == wait && cell["depth"] == "1" && cell["connections"] == "1" && !cell.IsOpenLoop;
        string[] cells = [.. matrix.Cells().Where(Fits).Select(cell => cell.Id)];
        return cells.Length > 0 ? cells : throw new HarnessException(
            ExitCode.Usage,
            $"the matrix '{matrix.Name}' has no closed loop with wait={wait}, depth=1 and one connection, in which to find {what}; take bench/aa.yml, or add such a cell");
    }
}
