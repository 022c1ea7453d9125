using System.Text.Json;
using Harness.Report;

namespace Harness.Kernels;

/// <summary>Kernels side by side as one HTML file that needs nothing else: charts, a heat map, what changed where, and how io_uring behaves on each.</summary>
internal sealed record KernelsPage
{
    private static readonly string[] s_scripts =
        ["words.js", "dom.js", "lines.js", "charts.js", "kernels.js", "kernels-charts.js", "kernels-probe.js", "kernels-page.js"];

    /// <summary>The figures, and what was probed with them; null of a page that has only the latter.</summary>
    public KernelTable? Table { get; init; }

    /// <summary>What was probed where nothing was measured; null where something was.</summary>
    public KernelSemantics? Semantics { get; init; }

    /// <summary>What stands beside every number.</summary>
    public string NotCycles { get; init; } = KernelTable.NotCycles;

    public static KernelsPage Of(KernelTable table) => new()
    {
        Table = table with { Kernels = Published(table.Kernels), Semantics = Published(table.Semantics) },
    };

    public static KernelsPage Of(KernelSemantics semantics) => new() { Semantics = Published(semantics) };

    public string Render()
    {
        string title = Table is null ? $"How io_uring behaves on {Semantics!.Kernels.Count} kernels" : $"{Table.Matrix} on {Table.Kernels.Count} kernels";
        return HtmlPage.Fill("kernels-main.html", s_scripts, title, JsonSerializer.Serialize(this, HtmlJson.Inline.KernelsPage));
    }

    private static KernelSemantics Published(KernelSemantics semantics) => semantics with { Kernels = Published(semantics.Kernels) };

    private static IReadOnlyList<KernelColumn> Published(IReadOnlyList<KernelColumn> kernels) =>
        [.. kernels.Select(kernel => kernel with { Folder = kernel.Folder is { } folder ? Short(folder) : null })];

    /// <summary>
    /// A run's folder and that of its machine. Pages are published: where the folder lies on this machine is nobody's business, and its own name says which
    /// run it is.
    /// </summary>
    public static string Short(string folder)
    {
        string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        return Path.Combine(Path.GetFileName(Path.GetDirectoryName(full)) ?? "", Path.GetFileName(full));
    }
}
