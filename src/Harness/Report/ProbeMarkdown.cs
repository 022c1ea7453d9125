using System.Text;
using Harness.Io;

namespace Harness.Report;

/// <summary>How io_uring behaves on a kernel, as a table in Markdown: to be kept beside that of another kernel.</summary>
internal static class ProbeMarkdown
{
    public static string Of(ProbeDocument probe)
    {
        var text = new StringBuilder();
        MarkdownText.Line(text, $"# How io_uring behaves on Linux {probe.Environment.KernelRelease}");
        MarkdownText.Line(text, "");
        MarkdownText.Line(text, $"`harness probe --markdown` at {probe.Commit}. Each row is an experiment that was made; *expected* is what Linux 6.18 does.");
        MarkdownText.Line(text, "");
        if (probe.Behaviours is { Count: > 0 } rows)
        {
            MarkdownText.Table(text, ["tried", "expected", "seen", "what follows"], rows.Select(Row));
        }
        else
        {
            MarkdownText.Line(text, $"Nothing could be tried: {probe.Environment.IoUring.Refusal}.");
        }
        return text.ToString();
    }

    private static string[] Row(KernelBehaviour row) =>
        [MarkdownText.Escaped(row.Name), MarkdownText.Escaped(row.Expected), Seen(row), MarkdownText.Escaped(row.Meaning)];

    private static string Seen(KernelBehaviour row) => row.Verdict switch
    {
        BehaviourVerdict.AsExpected => "as expected",
        BehaviourVerdict.Skipped => $"skipped: {MarkdownText.Escaped(row.Seen)}",
        _ => $"**{MarkdownText.Escaped(row.Seen)}**",
    };
}
