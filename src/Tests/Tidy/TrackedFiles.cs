namespace Harness.Tests;

/// <summary>One file that git tracks: its path from the root, with '/'.</summary>
internal sealed record TrackedFile(string Path, bool IsExecutable)
{
    private static readonly string[] TextKinds =
        [".cs", ".csproj", ".props", ".targets", ".sh", ".md", ".yml", ".yaml", ".json", ".cjs", ".js", ".css", ".html"];

    public string FullPath => System.IO.Path.Combine(Repository.Root, Path);

    public string Extension => System.IO.Path.GetExtension(Path);

    /// <summary>What people wrote: not what a run left, not what a tool writes (the solution, lock files).</summary>
    public bool IsWritten => !Path.StartsWith("results/", StringComparison.Ordinal)
        && !Path.EndsWith("package-lock.json", StringComparison.Ordinal)
        && (TextKinds.Contains(Extension) || Path is "run.sh" or ".ci/run" or ".editorconfig" or ".gitignore");

    public bool IsCode => Extension is ".cs" or ".sh" or ".cjs" or ".js" || Path is ".ci/run";

    public bool Is(string extension) => Extension == extension;

    public bool IsBelow(params string[] folders) => folders.Any(folder => Path.StartsWith(folder + "/", StringComparison.Ordinal));

    public string[] Lines() => File.ReadAllText(FullPath).Split('\n');
}

/// <summary>The files that git tracks and that are there.</summary>
internal static class TrackedFiles
{
    private static TrackedFile[]? _all;

    public static TrackedFile[] All => _all ??= Read();

    private static TrackedFile[] Read()
    {
        var git = Requires.Tool("git");
        // The tests may run as another user than the one who owns the checkout.
        var list = Tool.Run(git, "-c", $"safe.directory={Repository.Root}", "-C", Repository.Root, "ls-files", "--stage", "-z");
        Skip.If(list.ExitCode != 0, $"this tree is no git checkout: {list.Errors.Trim()}");
        return [.. list.Output.TrimEnd('\n').Split('\0', StringSplitOptions.RemoveEmptyEntries)
            .Select(entry => entry.Split('\t', 2))
            .Select(parts => new TrackedFile(parts[1], parts[0].StartsWith("100755", StringComparison.Ordinal)))
            .Where(file => File.Exists(file.FullPath))];
    }
}
