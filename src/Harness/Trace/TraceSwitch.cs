namespace Harness.Trace;

/// <summary>Whether .NET processes can be traced here at all. They inherit what this one was started with, so it looks at itself.</summary>
internal static class TraceSwitch
{
    private static readonly string[] s_variables = ["DOTNET_EnableDiagnostics", "DOTNET_EnableDiagnostics_IPC", "COMPlus_EnableDiagnostics"];

    /// <summary>Refuses what could only fail after all rounds are measured.</summary>
    /// <exception cref="HarnessException">The message says what is in the way.</exception>
    public static void Require()
    {
        var folder = Path.GetTempPath();
        if (Offers(folder))
        {
            return;
        }
        var off = s_variables.Where(name => Environment.GetEnvironmentVariable(name) is { } value && value.Trim() is "0" or "0x0").FirstOrDefault();
        var why = off is null
            ? $"the .NET runtime made no diagnostics socket in '{folder}'; set TMPDIR to a folder with a short name that can be written to"
            : $"{off}=0 switches the runtime's diagnostics off; unset it";
        throw new HarnessException(ExitCode.Usage, $"the gc pass cannot trace here: {why}, or leave --gc-pass and gc_pass out");
    }

    private static bool Offers(string folder)
    {
        try
        {
            return Directory.EnumerateFileSystemEntries(folder, $"dotnet-diagnostic-{Environment.ProcessId}-*-socket").Any();
        }
        catch (Exception e) when (FileTrouble.Is(e))
        {
            return false;
        }
    }
}
