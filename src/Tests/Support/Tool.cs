namespace Harness.Tests;

/// <summary>How a program ended and what it wrote.</summary>
internal sealed record ToolResult(string CommandLine, int ExitCode, string Output, string Errors)
{
    /// <summary>Asserts that it ended with 0; the message holds all that it said.</summary>
    public ToolResult Succeeded()
    {
        Assert.True(ExitCode == 0, ToString());
        return this;
    }

    public override string ToString() => $"{CommandLine}\nended with {ExitCode}\n{Output}{Errors}";
}

/// <summary>Runs other people's programs to their end.</summary>
internal static class Tool
{
    /// <summary>
    /// No promise about speed, only an end for what hangs. A debug build under load with the full numbers keeps well inside it.
    /// </summary>
    public static TimeSpan Deadline => TestScale.Pick(TimeSpan.FromMinutes(2), TimeSpan.FromMinutes(10));

    /// <summary>Runs a program and returns its output; one that passes the deadline is killed with all that it started, and fails the test.</summary>
    public static ToolResult Run(string file, params string[] arguments) => Run(file, arguments, null);

    /// <inheritdoc cref="Run(string, string[])"/>
    public static ToolResult Run(string file, string[] arguments, IReadOnlyDictionary<string, string?>? environment)
    {
        using var child = Child.Start(file, arguments, environment);
        if (child.WaitForExit(Deadline) is { } exitCode)
        {
            return new ToolResult(child.CommandLine, exitCode, child.Output, child.Errors);
        }
        child.Kill();
        throw new TimeoutException($"{child.CommandLine}\ndid not end in {Deadline.TotalSeconds} s and was killed\n{child.Output}{child.Errors}");
    }
}
