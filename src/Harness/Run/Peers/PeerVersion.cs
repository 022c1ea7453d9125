using System.ComponentModel;
using System.Diagnostics;
using Harness.Results;

namespace Harness.Run;

/// <summary>What a program says when it is asked for its version, or for the like; asked once.</summary>
internal static class PeerVersion
{
    private static readonly Dictionary<string, string> s_said = [];

    /// <summary>A peer as results name it.</summary>
    public static PeerFacts Facts(string program, string argument, IReadOnlyList<string> command, string? config) =>
        new() { Name = program, Version = Of(program, argument), CommandLine = string.Join(' ', command), Config = config };

    /// <summary>The first line; null where it said nothing.</summary>
    public static string? Of(string program, string argument) =>
        Says(program, argument).Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).FirstOrDefault();

    /// <summary>All that it says, on stdout and stderr; empty where it cannot be started.</summary>
    public static string Says(string program, string argument)
    {
        lock (s_said)
        {
            var question = $"{program} {argument}";
            return s_said.TryGetValue(question, out var known) ? known : s_said[question] = Ask(program, argument);
        }
    }

    private static string Ask(string program, string argument)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, [argument]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            var errors = process.StandardError.ReadToEndAsync();
            var output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return output + errors.GetAwaiter().GetResult();
        }
        catch (Win32Exception)
        {
            return "";
        }
    }
}
