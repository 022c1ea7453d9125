namespace Harness.Run;

/// <summary>Where other people's programs lie.</summary>
internal static class ProgramPath
{
    /// <summary>The path of a program by its name, as a shell finds it; null where there is none.</summary>
    public static string? Find(string name) => (Environment.GetEnvironmentVariable("PATH") ?? "")
        .Split(':', StringSplitOptions.RemoveEmptyEntries)
        .Select(folder => Path.Combine(folder, name))
        .FirstOrDefault(File.Exists);
}
