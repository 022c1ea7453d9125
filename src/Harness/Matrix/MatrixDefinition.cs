namespace Harness.Matrix;

/// <summary>What a matrix file says, checked and complete.</summary>
internal sealed record MatrixDefinition
{
    /// <summary>The file's name without <c>.yml</c>.</summary>
    public required string Name { get; init; }

    /// <summary>The file as it was read, for the copy that is kept with the results.</summary>
    public required string Text { get; init; }

    public required int Rounds { get; init; }
    public required ulong Seed { get; init; }

    /// <summary>The measured part of a cell.</summary>
    public required TimeSpan Duration { get; init; }

    /// <summary>What runs before the measured part and is not recorded.</summary>
    public required TimeSpan Warmup { get; init; }

    /// <summary>Canonical values of every axis, in the file's order.</summary>
    public required IReadOnlyDictionary<string, string[]> Values { get; init; }

    /// <summary>
    /// Each with the axes that it gives in place of those of <see cref="Values"/>; the matrix is then all of them together. Empty where it has one part only.
    /// </summary>
    public IReadOnlyList<IReadOnlyDictionary<string, string[]>> Parts { get; init; } = [];

    /// <summary>
    /// Every combination, part by part, the last axis varying fastest; one that differs from another only in what it does not have (a closed loop no
    /// arrivals, a peer no backend) once.
    /// </summary>
    public IReadOnlyList<Cell> Cells() =>
        [.. (Parts.Count == 0 ? [Values] : Parts).SelectMany(Combinations).Select(point => new Cell(point)).DistinctBy(cell => cell.Id)];

    private IEnumerable<Dictionary<string, string>> Combinations(IReadOnlyDictionary<string, string[]> part)
    {
        IEnumerable<Dictionary<string, string>> points = [[]];
        foreach (var axis in Axis.All)
        {
            var values = part.TryGetValue(axis.Name, out var own) ? own : Values[axis.Name];
            points = points.SelectMany(point => values.Select(value => new Dictionary<string, string>(point) { [axis.Name] = value }));
        }
        return points;
    }
}
