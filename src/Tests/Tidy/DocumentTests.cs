using System.Text.RegularExpressions;

namespace Harness.Tests;

/// <summary>Documents name only what is there.</summary>
public partial class DocumentTests
{
    private static IEnumerable<TrackedFile> Documents => TrackedFiles.All.Where(file => file.Is(".md") && !file.IsBelow("results"));

    [SkippableFact]
    public void Links_lead_somewhere() => Rule.Holds(
        "correct the link, or add what it names",
        from document in Documents
        from match in Link().Matches(File.ReadAllText(document.FullPath))
        let target = match.Groups[1].Value
        where !target.Contains("://", StringComparison.Ordinal) && !target.StartsWith('#') && !target.StartsWith("mailto:", StringComparison.Ordinal)
        where !Exists(Path.Combine(Path.GetDirectoryName(document.FullPath)!, target.Split('#')[0]))
        select $"{document.Path}: {target}");

    [SkippableFact]
    public void Sources_that_are_named_exist() => Rule.Holds(
        "correct the path: it is named from the root of the checkout",
        from document in Documents
        where document.Path != "CHANGELOG.md"
        from match in SourcePath().Matches(File.ReadAllText(document.FullPath))
        let path = match.Value.TrimEnd('.', '/')
        where !Exists(Path.Combine(Repository.Root, path))
        select $"{document.Path}: {path}");

    private static bool Exists(string path) => File.Exists(path) || Directory.Exists(path);

    // [text](target) and ![text](target "title").
    [GeneratedRegex("""\]\(([^)\s]+)(?:\s+"[^"]*")?\)""")]
    private static partial Regex Link();

    // A path that begins in one of our folders; one with a placeholder or a wildcard stands for several.
    [GeneratedRegex("""(?<![\w/.<-])(?:src|bench|scripts|\.ci)/[\w./-]+(?![\w./*<{-])""")]
    private static partial Regex SourcePath();
}
