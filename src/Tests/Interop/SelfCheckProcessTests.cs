using System.Text.Json;
using Harness.Results;
using Harness.SelfCheck;
using Harness.Serve;

namespace Harness.Tests.Interop;

/// <summary>
/// The check of the gate with real servers. In one round, and on a machine that does other things as well, only what is exact can be found, and that must be;
/// the rest takes rounds on a quiet machine, and is in the committed results.
/// </summary>
public sealed class SelfCheckProcessTests
{
    private const string Matrix = "backend: epoll\ndepth: 1\nwait: [block, spin]\nblock: memory:4M\nduration: 800ms\nwarmup: 50ms\n";

    [Fact]
    public void In_one_round_no_exact_figure_differs_from_itself_and_both_counted_regressions_are_found()
    {
        using var folder = new TempDir();
        File.WriteAllText(folder.File("m.yml"), Matrix);
        string[] once = ["--comparisons", "1", "--rounds", "1"];
        ToolResult check = Run(["self-check", folder.File("m.yml"), .. once, "--results", folder.File("r"), "--json", folder.File("c.json")]);
        SelfCheckDocument document = Read(folder.File("c.json"));
        Assert.True(document.Summary.InvariantFalseAlarms == 0, check.ToString());
        foreach (SeededResult seeded in document.Results[0].Seeded.Where(seeded => seeded.Kind != SeededRegression.BusyWait))
        {
            // A machine that has hardly any time for us leaves too few operations to be exact; that is never taken for the same.
            Assert.True(seeded.Found || seeded.Reason!.Contains("too few operations to be exact", StringComparison.Ordinal), check.ToString());
        }
        // One round on either side cannot tell a difference in time from chance, so the check as a whole has to fail, and to say why.
        Assert.Equal((1, 0), (check.ExitCode, document.Summary.Found[SeededRegression.BusyWait]));
        Assert.Contains("busy-wait (cannot say: ", check.Errors);

        // There is nothing left to do, and nothing is done.
        string path = Directory.GetDirectories(Directory.GetDirectories(folder.File("r")).Single()).Single();
        DateTime written = File.GetLastWriteTimeUtc(Path.Combine(path, "comparisons", "01-same-build.json"));
        Assert.Equal(1, Run("self-check", "--resume", path).ExitCode);
        Assert.Equal(written, File.GetLastWriteTimeUtc(Path.Combine(path, "comparisons", "01-same-build.json")));
    }

    [SkippableFact]
    public void The_gate_works_here()
    {
        Skip.IfNot(TestScale.Full, "takes ten rounds of a quiet machine, ./run.sh test --full; the committed self-check under results/ has twenty comparisons");
        using var folder = new TempDir();
        ToolResult check = Run("self-check", Path.Combine(Repository.Root, "bench", "aa.yml"), "--comparisons", "2", "--results", folder.File("r"));
        Assert.True(check.ExitCode == 0, check.ToString());
    }

    [Fact]
    public void A_regression_that_is_set_already_is_refused()
    {
        var environment = new Dictionary<string, string?> { [SeededRegression.Variable] = SeededRegression.BusyWait };
        ToolResult check = Tool.Run(HarnessServer.Program, ["self-check"], environment);
        Assert.Equal(2, check.ExitCode);
        Assert.Equal(
            "harness: HARNESS_SEEDED_REGRESSION is set: self-check seeds its regressions itself, and BASE must have none; unset it\n",
            check.Errors);
    }

    private static ToolResult Run(params string[] arguments) => Tool.Run(HarnessServer.Program, arguments);

    private static SelfCheckDocument Read(string path) => JsonSerializer.Deserialize(File.ReadAllText(path), ResultsJson.Document.SelfCheckDocument)!;
}
