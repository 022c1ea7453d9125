using System.Text;
using Harness.Io;

namespace Harness.Report;

/// <summary>How io_uring behaves on a kernel, as a table in Markdown: to be kept beside that of another kernel.</summary>
internal static class ProbeMarkdown
{
    public static string Of(ProbeDocument probe)
    {
        var text = new StringBuilder();
        text.Append($"# How io_uring behaves on Linux {probe.Environment.KernelRelease}\n\n");
        text.Append($"`harness probe --markdown` at {probe.Commit}. Each row is an experiment that was made; *expected* is what Linux 6.18 does.\n\n");
        if (probe.Behaviours is not { Count: > 0 } rows)
        {
            text.Append($"Nothing could be tried: {probe.Environment.IoUring.Refusal}.\n");
            return text.ToString();
        }

        text.Append("| tried | expected | seen | what follows |\n|---|---|---|---|\n");
        foreach (KernelBehaviour row in rows)
        {
            text.Append($"| {Cell(row.Name)} | {Cell(row.Expected)} | {Seen(row)} | {Cell(row.Meaning)} |\n");
        }

        return text.ToString();
    }

    private static string Seen(KernelBehaviour row) => row.Verdict switch
    {
        BehaviourVerdict.AsExpected => "as expected",
        BehaviourVerdict.Skipped => $"skipped: {Cell(row.Seen)}",
        _ => $"**{Cell(row.Seen)}**",
    };

    private static string Cell(string text) => text.Replace("|", "\\|", StringComparison.Ordinal);
}
