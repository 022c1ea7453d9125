namespace Harness.Tests;

/// <summary>One test, two sizes: the short form on every run, the numbers of the issue with <c>./run.sh test --full</c>.</summary>
internal static class TestScale
{
    public static bool Full => Environment.GetEnvironmentVariable("HARNESS_TEST_FULL") == "1";

    public static T Pick<T>(T brief, T full) => Full ? full : brief;
}
