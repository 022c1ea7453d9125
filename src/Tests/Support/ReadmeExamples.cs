namespace Harness.Tests;

/// <summary>Examples that are compiled and run here, and stand in the README.</summary>
internal static class ReadmeExamples
{
    /// <summary>Asserts that the README has them as they are: what lies between the comments <c>example name="…"</c> and <c>/example</c>.</summary>
    /// <param name="file">In the tests' folder Unit.</param>
    /// <param name="count">How many there are.</param>
    public static void AssertThere(string file, int count)
    {
        string readme = File.ReadAllText(Path.Combine(Repository.Root, "README.md"));
        string[] lines = File.ReadAllLines(Path.Combine(Repository.Root, "src", "Tests", "Unit", file));
        int examples = 0;
        for (int begin = 0; (begin = Array.FindIndex(lines, begin, line => line.StartsWith("    // <example ", StringComparison.Ordinal))) >= 0; begin++)
        {
            int end = Array.IndexOf(lines, "    // </example>", begin);
            string text = string.Join('\n', lines[(begin + 1)..end].Select(line => line.Length > 4 ? line[4..] : string.Empty));
            Assert.True(readme.Contains($"```csharp\n{text}\n```", StringComparison.Ordinal), $"the README has another text than this:\n{text}");
            examples++;
        }

        Assert.Equal(count, examples);
    }
}
