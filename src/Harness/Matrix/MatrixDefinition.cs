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

    /// <summary>Whether every cell is measured once more after the last round, traced (<see cref="Run.GcPass"/>).</summary>
    public bool GcPass { get; init; }

    /// <summary>Canonical values of every axis, in the file's order.</summary>
    public required IReadOnlyDictionary<string, string[]> Values { get; init; }

    /// <summary>The ids of the combinations that are measured; null where all are.</summary>
    public IReadOnlyList<string>? Only { get; init; }

    /// <summary>The cells to measure: of all combinations those that <see cref="Only"/> names.</summary>
    public IReadOnlyList<Cell> Cells() => Only is null ? Combinations() : [.. Combinations().Where(cell => Only.Contains(cell.Id))];

    /// <summary>Every combination, the last axis varying fastest; a closed loop once, whatever the arrivals.</summary>
    public IReadOnlyList<Cell> Combinations()
    {
        IEnumerable<Dictionary<string, string>> points = [[]];
        foreach (var axis in Axis.All)
        {
            points = points.SelectMany(point => Values[axis.Name].Select(value => new Dictionary<string, string>(point) { [axis.Name] = value }));
        }
        return [.. points.Select(point => new Cell(point)).DistinctBy(cell => cell.Id)];
    }
}
