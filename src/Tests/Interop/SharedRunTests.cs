namespace Harness.Tests;

/// <summary>Several test hosts share one run, so that together they run every test, and none twice.</summary>
public sealed class SharedRunTests
{
    private const string Classes = "FullyQualifiedName~BatchSizesTests|FullyQualifiedName~NbdUriTests|FullyQualifiedName~PartitionTests";

    [Fact]
    public void Two_hosts_run_every_class_once()
    {
        using var folder = new TempDir();

        var alone = Names(Host(folder, "alone", null));
        var claims = Directory.CreateDirectory(folder.File("claims")).FullName;
        var hosts = new[] { "one", "two" }.AsParallel().WithDegreeOfParallelism(2).Select(name => Host(folder, name, claims)).ToArray();

        Assert.NotEmpty(alone);
        Assert.Equal(alone, Names(string.Concat(hosts)));
        Assert.Equal(alone.Select(Class).Distinct().Count(), Directory.GetFiles(claims).Length);
    }

    [Fact]
    public void What_another_host_has_taken_is_left_alone()
    {
        using var folder = new TempDir();
        var claims = Directory.CreateDirectory(folder.File("claims")).FullName;

        Host(folder, "first", claims);

        Assert.Empty(Names(Host(folder, "second", claims)));
    }

    private static string Host(TempDir folder, string name, string? claims) =>
        Tool.Run("dotnet", ["test", typeof(SharedRunTests).Assembly.Location, "--nologo", "--filter", Classes, "--results-directory", folder.File(name),
            "--logger", "console;verbosity=normal"], new Dictionary<string, string?> { ["HARNESS_TEST_CLAIMS"] = claims }).Succeeded().Output;

    private static string[] Names(string output) =>
        [.. output.Split('\n').Where(line => line.StartsWith("  Passed ", StringComparison.Ordinal))
            .Select(line => line[9..line.LastIndexOf('[')]).Order(StringComparer.Ordinal)];

    private static string Class(string test) => test[..test.Split('(')[0].LastIndexOf('.')];
}
