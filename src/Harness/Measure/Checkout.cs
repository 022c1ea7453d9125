using System.Diagnostics;

namespace Harness.Measure;

/// <summary>The source tree that the program was built from, where there is one.</summary>
internal static class Checkout
{
    /// <summary>The folder that holds <c>Harness.sln</c> above the program; null for an installed program.</summary>
    public static string? Root { get; } = Find();

    /// <summary>
    /// The short hash of the commit, with <c>-dirty</c> where tracked files outside <c>results/</c> differ from it (a run writes there itself);
    /// <c>nogit</c> where there is no git or no checkout.
    /// </summary>
    public static string Commit()
    {
        if (Root is null || Git("rev-parse", "--short=10", "HEAD") is not { Length: > 0 } hash)
        {
            return "nogit";
        }
        var changes = Git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!results");
        return string.IsNullOrEmpty(changes) ? hash : hash + "-dirty";
    }

    private static string? Find()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Harness.sln")))
            {
                return folder.FullName;
            }
        }
        return null;
    }

    private static string? Git(params string[] arguments)
    {
        try
        {
            var start = new ProcessStartInfo("git", ["-C", Root!, .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true };
            using var git = Process.Start(start)!;
            var output = git.StandardOutput.ReadToEnd();
            git.WaitForExit();
            return git.ExitCode == 0 ? output.Trim() : null;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }
}
