namespace Harness.Run;

/// <summary>How to start this program once more: the words that come before the verb.</summary>
internal static class HarnessProgram
{
    public static IReadOnlyList<string> Command { get; } = Find();

    private static string[] Find()
    {
        var assembly = typeof(HarnessProgram).Assembly.Location;
        // Started by its own launcher, or published as one file: then there is no assembly beside it to look at.
        if (assembly.Length == 0 || Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "harness")
        {
            return [Environment.ProcessPath!];
        }
        var launcher = Path.Combine(Path.GetDirectoryName(assembly)!, "harness");
        return File.Exists(launcher) ? [launcher] : ["dotnet", assembly];
    }
}
