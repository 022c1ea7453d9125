using Harness.Matrix;
using Harness.Report;

namespace Harness.Kernels;

/// <summary>The cells that differ in nothing but their backend: a small chart, with a line for each.</summary>
/// <param name="Label">What tells the place apart from the others, as <c>size 4k, depth 64, read</c>; empty where there is only one.</param>
/// <param name="Lines">The backends, in their order.</param>
internal sealed record KernelPlace(string Label, IReadOnlyList<KernelLine> Lines)
{
    private static readonly string[] s_sayWhatTheyAre = ["rw", "pattern", "transport"];

    // In the order of headings: what sets places apart most strongly comes first.
    private static readonly string[] s_order =
        ["mitigations", "block", "transport", "pattern", "loops", "connections", "wait", "size", "depth", "rw"];

    public static IReadOnlyList<KernelPlace> Of(IReadOnlyList<KernelRow> rows)
    {
        string[] varying =
        [
            .. s_order.Concat(Axis.Names).Distinct()
                .Where(axis => axis != "backend" && rows.Select(row => row.Axes.GetValueOrDefault(axis)).Distinct().Count() > 1),
        ];
        string[] telling = [.. varying.Where(axis => Tells(axis, rows))];
        return
        [
            .. rows.GroupBy(row => string.Join('\n', varying.Select(axis => row.Axes.GetValueOrDefault(axis))))
                .OrderBy(place => place.First(), Comparer<KernelRow>.Create((a, b) => Compare(a, b, varying)))
                .Select(place => new KernelPlace(
                    string.Join(", ", telling.Select(axis => Word(axis, place.First().Axes.GetValueOrDefault(axis))).OfType<string>()),
                    [.. place.Select(row => new KernelLine(Name(row), row.Cell))
                        .OrderBy(line => line.Backend, Comparer<string>.Create(CellOrder.CompareValues))])),
        ];
    }

    // What all cells of a layer have in common goes without saying, even where those of another layer have no such thing.
    private static bool Tells(string axis, IReadOnlyList<KernelRow> rows) => axis == "layer"
        || rows.GroupBy(row => row.Axes.GetValueOrDefault("layer")).Any(layer => layer.Select(row => row.Axes.GetValueOrDefault(axis)).Distinct().Count() > 1);

    private static int Compare(KernelRow a, KernelRow b, string[] axes) => axes
        .Select(axis => CellOrder.CompareValues(a.Axes.GetValueOrDefault(axis) ?? "", b.Axes.GetValueOrDefault(axis) ?? ""))
        .FirstOrDefault(order => order != 0);

    // Bare system calls have no backend, and a line of their own.
    private static string Name(KernelRow row) => row.Axes.GetValueOrDefault("backend") is { } backend and not Vocabulary.None
        ? backend
        : row.Axes.GetValueOrDefault("layer") ?? row.Cell;

    // Mitigations as they are, and NBD, are what goes without saying.
    private static string? Word(string axis, string? value) => (axis, value) switch
    {
        (_, null or Vocabulary.None) or ("mitigations", "auto") or ("layer", Vocabulary.Nbd) => null,
        _ => s_sayWhatTheyAre.Contains(axis) ? value : $"{axis} {value}",
    };
}

/// <summary>A line of a small chart.</summary>
/// <param name="Backend">The backend.</param>
/// <param name="Cell">The cell's id.</param>
internal sealed record KernelLine(string Backend, string Cell);
