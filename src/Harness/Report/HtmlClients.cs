using Harness.Results;
using Harness.Timeline;

namespace Harness.Report;

/// <summary>The client's ways of working in one place.</summary>
/// <param name="Run">Which of <see cref="HtmlReport.Runs"/>, from 0.</param>
/// <param name="Place">The ratios.</param>
internal sealed record HtmlClientPlace(int Run, ClientPlace Place);

/// <summary>What the client's sides did in one cell.</summary>
/// <param name="Run">Which of <see cref="HtmlReport.Runs"/>, from 0.</param>
/// <param name="Cell">The cell's id.</param>
/// <param name="Timeline">The table and the picture.</param>
internal sealed record HtmlTimeline(int Run, string Cell, TimelineDocument Timeline)
{
    /// <summary>Those of one run, in the order of its cells.</summary>
    public static IEnumerable<HtmlTimeline> Of(RunData data, ReportDocument report, int run)
    {
        var recorded = data.Timelines.ToDictionary(record => record.Cell);
        return from cell in report.Cells
               where recorded.ContainsKey(cell.Cell)
               select new HtmlTimeline(run, cell.Cell, recorded[cell.Cell].Timeline);
    }
}
