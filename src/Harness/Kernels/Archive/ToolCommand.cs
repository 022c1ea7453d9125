using System.Diagnostics;

namespace Harness.Kernels.Archive;

/// <summary>What a short foreign command came to.</summary>
/// <param name="Name">The program.</param>
/// <param name="ExitCode">Its exit status.</param>
/// <param name="Output">Its stdout.</param>
/// <param name="LastError">The last line on its stderr that is not empty; null where there is none.</param>
internal sealed record ToolResult(string Name, int ExitCode, string Output, string? LastError)
{
    /// <summary>The same, where it went well.</summary>
    /// <exception cref="HarnessException">It did not; the line begins with <paramref name="trouble"/> and ends with the command's own last words.</exception>
    public ToolResult Require(string trouble) => ExitCode == 0
        ? this
        : throw new HarnessException(global::Harness.ExitCode.Failed, $"{trouble}: {LastError ?? $"{Name} ended with exit code {ExitCode}"}");
}

/// <summary>Runs a short foreign command to its end.</summary>
internal static class ToolCommand
{
    /// <param name="command">The program and its arguments.</param>
    /// <param name="folder">Where it works; null is here.</param>
    /// <param name="environment">What its environment has beside ours.</param>
    /// <exception cref="HarnessException">There is no such program.</exception>
    public static ToolResult Run(IReadOnlyList<string> command, string? folder = null, IReadOnlyDictionary<string, string>? environment = null)
    {
        var start = new ProcessStartInfo(command[0], command.Skip(1))
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = folder ?? "",
        };
        start.Environment["LC_ALL"] = "C";
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }
        try
        {
            using var process = Process.Start(start)!;
            Task<string> errors = process.StandardError.ReadToEndAsync();
            string output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return new ToolResult(command[0], process.ExitCode, output, errors.Result.Split('\n').LastOrDefault(line => line.Trim().Length > 0)?.Trim());
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new HarnessException(ExitCode.Failed, $"cannot start '{command[0]}': {e.Message}; scripts/setup.sh installs what is needed", e);
        }
    }
}
