using System.Text.RegularExpressions;

namespace Harness.Tests;

/// <summary>What every text file of the project keeps to.</summary>
public partial class TextTests
{
    private const int MaxColumns = 160;
    private const int MaxLines = 600;
    private const long MaxFileBytes = 1 << 20;

    private static IEnumerable<TrackedFile> Written => TrackedFiles.All.Where(file => file.IsWritten);

    private static IEnumerable<TrackedFile> Code => Written.Where(file => file.IsCode);

    [SkippableFact]
    public void Nothing_is_left_over() => Rule.Holds(
        "finish it, or write down in the issue what is missing",
        Rule.Lines(Code, line => LeftOver().Match(line) is { Success: true } match ? match.Value : null));

    [SkippableFact]
    public void Lines_fit_a_screen() => Rule.Holds(
        $"break lines of more than {MaxColumns} columns; only a long message stays in one piece, so that it can be searched for",
        Rule.Lines(Code, line => line.Length > MaxColumns && !LongText().IsMatch(line) ? $"{line.Length} columns" : null));

    [SkippableFact]
    public void Files_fit_a_head() => Rule.Holds(
        $"split files of more than {MaxLines} lines: one idea per file",
        from file in Code
        let lines = file.Lines().Length
        where lines > MaxLines
        select $"{file.Path}: {lines} lines");

    [SkippableFact]
    public void Files_are_small() => Rule.Holds(
        "what is large is made when it is needed; raw results are not committed",
        from file in TrackedFiles.All
        let bytes = new FileInfo(file.FullPath).Length
        where bytes > MaxFileBytes
        select $"{file.Path}: {bytes >> 10} KiB");

    [SkippableFact]
    public void Blanks_are_spaces_between_words() => Rule.Holds(
        "indent with spaces, end lines with a newline alone",
        Rule.Lines(Written, line => line switch
        {
            _ when line.EndsWith('\r') => "a carriage return",
            _ when line.Contains('\t') => "a tab",
            _ when line.EndsWith(' ') => "a blank at the end",
            _ => null,
        }));

    [SkippableFact]
    public void Files_end_with_one_newline_and_begin_with_text() => Rule.Holds(
        "end the file with one newline, and begin it without a byte order mark",
        from file in Written
        let bytes = File.ReadAllBytes(file.FullPath)
        where bytes.Length > 0
        where bytes[^1] != '\n' || bytes.Length > 1 && bytes[^2] == '\n' || bytes.AsSpan().StartsWith("\ufeff"u8)
        select file.Path);

    [SkippableFact]
    public void No_path_of_somebodys_machine() => Rule.Holds(
        "name places from the root of the checkout, or from a variable",
        Rule.Lines(TrackedFiles.All.Where(file => file.IsWritten || file.IsBelow("results")), line =>
            HomeFolder().Match(line) is { Success: true } match ? match.Value.Trim()
            : IsDistinctive(Repository.Root) && line.Contains(Repository.Root + "/", StringComparison.Ordinal) ? Repository.Root
            : null));

    // A checkout at /src would make a machine's path of every mention of that folder.
    private static bool IsDistinctive(string path) => path.Count(c => c == '/') >= 2;

    // Spelled so that it does not find itself.
    [GeneratedRegex("""\b(TO[D]O|FIX[M]E|HA[C]K|X[X]X)\b|NotImplemented[E]xception""")]
    private static partial Regex LeftOver();

    [GeneratedRegex("""
        "[^"]{40,}"
        """)]
    private static partial Regex LongText();

    [GeneratedRegex("""(?<![\w.}$])/(home|root|[U]sers)/\w+""")]
    private static partial Regex HomeFolder();
}
