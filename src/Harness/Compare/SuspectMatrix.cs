using System.Globalization;
using System.Text;
using Harness.Matrix;
using Harness.Results;

namespace Harness.Compare;

/// <summary>
/// The matrix that measures the suspects again: the axes that the cells have in their records, with the settings of the run that they are of. Written from
/// the records of the side whose program will read it, since the other one may have axes that this one does not know.
/// </summary>
internal static class SuspectMatrix
{
    public static string Text(RunRecord run, IReadOnlyList<CellRecord> cells)
    {
        var text = new StringBuilder();
        text.Append("# The cells of which harness compare --confirm asked whether they have changed.\n");
        text.Append(CultureInfo.InvariantCulture, $"seed: {run.Seed}\nrounds: 1\n");
        text.Append(CultureInfo.InvariantCulture, $"duration: {Time(run.DurationSeconds)}\nwarmup: {Time(run.WarmupSeconds)}\n");
        foreach (string axis in cells.SelectMany(cell => cell.Axes.Keys).Distinct())
        {
            // What a cell does not have it gets by itself, whatever value stands here.
            string[] values = [.. cells.Select(cell => cell.Axes.GetValueOrDefault(axis)).OfType<string>().Where(value => value != Vocabulary.None).Distinct()];
            if (values.Length > 0)
            {
                text.Append(CultureInfo.InvariantCulture, $"{axis}: [{string.Join(", ", values.Select(Quoted))}]\n");
            }
        }
        text.Append("cells:\n");
        foreach (string id in cells.Select(cell => cell.Cell).Distinct())
        {
            text.Append(CultureInfo.InvariantCulture, $"  - {Quoted(id)}\n");
        }
        return text.ToString();
    }

    private static string Time(double seconds) => Units.FormatTime(TimeSpan.FromSeconds(seconds));

    private static string Quoted(string value) => $"'{value.Replace("'", "''", StringComparison.Ordinal)}'";
}
