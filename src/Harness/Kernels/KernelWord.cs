namespace Harness.Kernels;

/// <summary>How a person names a kernel: by its release, or by the beginning of it.</summary>
internal static class KernelWord
{
    /// <summary>Whether a release is meant: <c>6.1</c> is 6.1.0-50-cloud-amd64, and not 6.12.94.</summary>
    public static bool Matches(string word, string release) =>
        release.StartsWith(word, StringComparison.Ordinal)
        && (release.Length == word.Length || !char.IsAsciiLetterOrDigit(word[^1]) || !char.IsAsciiLetterOrDigit(release[word.Length]));

    /// <summary>Whether it is a file, and not a version or a suite.</summary>
    public static bool IsPath(string word) => word.Contains('/', StringComparison.Ordinal);
}
