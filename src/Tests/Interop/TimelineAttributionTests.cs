namespace Harness.Tests;

/// <summary><c>scripts/timeline-attribution.sh</c>: a server that sleeps in known places, and what <c>harness timeline</c> says of it.</summary>
public class TimelineAttributionTests
{
    [SkippableFact]
    public void The_time_is_told_of_the_states_in_which_it_was_spent()
    {
        Requires.Tool("python3");
        string script = Path.Combine(Repository.Root, "scripts", "timeline-attribution.sh");

        // On a busy machine either clock may be read late, so a short run proves the order of things; the full one the 5 %.
        string[] options = ["--ops", TestScale.Pick("40", "500"), "--tolerance", TestScale.Pick("30", "5"), "--harness", HarnessServer.Program];
        ToolResult result = Tool.Run(script, options).Succeeded();
        Assert.Contains("before the header", result.Output, StringComparison.Ordinal);
        Assert.Contains("in the middle of the data", result.Output, StringComparison.Ordinal);
    }
}
