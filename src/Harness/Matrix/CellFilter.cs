using System.Text.RegularExpressions;

namespace Harness.Matrix;

/// <summary><c>--filter GLOB</c>: which cells of a matrix take part. <c>*</c> stands for any text, <c>?</c> for one character.</summary>
internal static class CellFilter
{
    /// <summary>The cells whose id contains a match of the glob, so that <c>--filter backend=uring,</c> and <c>--filter '*rw=read*'</c> both work.</summary>
    /// <exception cref="HarnessException">Nothing matches.</exception>
    public static IReadOnlyList<Cell> Select(IReadOnlyList<Cell> cells, string? glob)
    {
        if (glob is null)
        {
            return cells;
        }
        var pattern = Regex.Escape(glob).Replace(@"\*", ".*", StringComparison.Ordinal).Replace(@"\?", ".", StringComparison.Ordinal);
        var selected = cells.Where(cell => Regex.IsMatch(cell.Id, pattern, RegexOptions.CultureInvariant)).ToList();
        return selected.Count > 0
            ? selected
            : throw new HarnessException(ExitCode.Usage, $"--filter '{glob}' matches none of {cells.Count} cells; the first is '{cells[0].Id}'");
    }
}
