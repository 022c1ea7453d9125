namespace Harness.Tests;

/// <summary>One test, two sizes: the short form on every run, the numbers of the issue with <c>./run.sh test --full</c>.</summary>
internal static class TestScale
{
    public static bool Full => Environment.GetEnvironmentVariable("HARNESS_TEST_FULL") == "1";

    /// <summary>The numbers of programs that are drawn at random: from 1 on, or the one of HARNESS_TEST_SEED, to see it alone.</summary>
    public static IReadOnlyList<int> Seeds(int brief, int full) =>
        Environment.GetEnvironmentVariable("HARNESS_TEST_SEED") is { Length: > 0 } one
            ? [int.Parse(one, System.Globalization.CultureInfo.InvariantCulture)]
            : [.. Enumerable.Range(1, Pick(brief, full))];

    public static T Pick<T>(T brief, T full) => Full ? full : brief;
}
