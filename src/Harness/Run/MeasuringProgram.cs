using System.Text.Json;
using Harness.Compare;
using Harness.Report;
using Harness.Results;

namespace Harness.Run;

/// <summary>A <c>harness</c> executable that is to measure again what a side of a comparison measured: asked, before time is spent, what it is.</summary>
internal static class MeasuringProgram
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    /// <summary>The words before the verb.</summary>
    /// <param name="option">The option that names it, for the message.</param>
    /// <param name="path">As it was given; null is this program.</param>
    /// <exception cref="HarnessException">There is no such file.</exception>
    public static IReadOnlyList<string> Command(string option, string? path)
    {
        if (path is null)
        {
            return HarnessProgram.Command;
        }
        return File.Exists(path)
            ? [Path.GetFullPath(path)]
            : throw new HarnessException(ExitCode.Usage, $"{option} '{path}' {(Directory.Exists(path) ? "is a folder" : "does not exist")}; give the harness executable of that build");
    }

    /// <summary>Refuses a program that is not the one of the runs, and a machine that is not the one of the runs.</summary>
    /// <param name="side"><c>base</c> or <c>new</c>.</param>
    /// <param name="command">The program.</param>
    /// <param name="runs">What it is to measure again.</param>
    /// <exception cref="HarnessException">In one line, what does not match.</exception>
    public static void RequireSame(string side, IReadOnlyList<string> command, RunPool runs)
    {
        var probe = Probe(side, command);
        var other = runs.Runs.FirstOrDefault(run => run.Run.Build is { } build && probe.Build is { } here && build != here);
        if (other is not null)
        {
            throw new HarnessException(
                ExitCode.Usage,
                $"'{string.Join(' ', command)}' (commit {probe.Commit}, build {probe.Build}) is not the program that measured '{other.Folder}' "
                + $"(commit {other.Run.Commit}, build {other.Run.Build}); give that one with --{side}-program PATH");
        }
        SameMachine.Require(side, runs.Fingerprint, Fingerprint.Of(runs.Runs[0].Run with { Environment = probe.Environment }));
    }

    private static ProbeDocument Probe(string side, IReadOnlyList<string> command)
    {
        using var scratch = new ScratchFolder();
        using var child = ChildProcess.Start([.. command, "probe", "--json", "-"], scratch);
        if (!child.WaitAsync(CancellationToken.None).Wait(s_patience))
        {
            throw NoProgram(side, command, "it does not end");
        }
        try
        {
            return child.ExitCode == 0 && JsonSerializer.Deserialize(child.Output, ResultsJson.Document.ProbeDocument) is { } probe
                ? probe
                : throw NoProgram(side, command, $"it {child.Ending()}");
        }
        catch (JsonException e)
        {
            throw NoProgram(side, command, $"it answers no JSON ({OneLine.Of(e.Message)})", e);
        }
    }

    private static HarnessException NoProgram(string side, IReadOnlyList<string> command, string why, Exception? cause = null) => new(
        ExitCode.Usage, $"--{side}-program: '{string.Join(' ', command)} probe --json -' should say which build it is, and {why}; give a harness executable", cause);
}
