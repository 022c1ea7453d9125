namespace Harness.Tests;

/// <summary>Reports every place that breaks a rule at once, as <c>path:line: what</c>.</summary>
internal static class Rule
{
    /// <summary>Asserts that no file breaks the rule; <paramref name="remedy"/> says what to do where one does.</summary>
    public static void Holds(string remedy, IEnumerable<string> violations)
    {
        var found = violations.ToArray();
        Assert.True(found.Length == 0, $"{remedy}\n{string.Join('\n', found.Take(50))}");
    }

    /// <summary>The places where a line of these files breaks a rule; the function gives null where all is well.</summary>
    public static IEnumerable<string> Lines(IEnumerable<TrackedFile> files, Func<string, string?> broken) =>
        from file in files
        from line in file.Lines().Select((text, index) => (text, number: index + 1))
        let what = broken(line.text)
        where what is not null
        select $"{file.Path}:{line.number}: {what}";
}
