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

    /// <summary>Operations of the measured part, in place of <see cref="Duration"/>; null measures for that time.</summary>
    public long? Ops { get; init; }

    /// <summary>Whether every cell is measured once more after the last round, traced (<see cref="Run.GcPass"/>).</summary>
    public bool GcPass { get; init; }

    /// <summary>Whether every cell of our client is recorded after the last round (<see cref="Run.TimelinePass"/>).</summary>
    public bool TimelinePass { get; init; }

    /// <summary>Canonical values of every axis, in the file's order.</summary>
    public required IReadOnlyDictionary<string, string[]> Values { get; init; }

    /// <summary>The ids of the combinations that are measured; null where all are.</summary>
    public IReadOnlyList<string>? Only { get; init; }

    /// <summary>The cells to measure: of all combinations those that <see cref="Only"/> names.</summary>
    public IReadOnlyList<Cell> Cells() => Only is null ? Combinations() : [.. Combinations().Where(cell => Only.Contains(cell.Id))];

    /// <summary>
    /// Each with the axes that it gives in place of those of <see cref="Values"/>; the matrix is then all of them together. Empty where it has one part only.
    /// </summary>
    public IReadOnlyList<IReadOnlyDictionary<string, string[]>> Parts { get; init; } = [];

    /// <summary>
    /// Every combination, part by part, the last axis varying fastest; one that differs from another only in what it does not have (a closed loop no
    /// arrivals, a peer no backend) once, and a variant only with the backends that have it.
    /// </summary>
    public IReadOnlyList<Cell> Combinations() =>
        [.. (Parts.Count == 0 ? [Values] : Parts).SelectMany(Points).Select(point => new Cell(point)).Where(cell => cell.Exists).DistinctBy(cell => cell.Id)];

    private IEnumerable<Dictionary<string, string>> Points(IReadOnlyDictionary<string, string[]> part)
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
