namespace Harness.Kernels.Archive;

/// <summary>One package archive that apt is set up with: where it lies, what it offers, and whose signature it must bear.</summary>
/// <param name="BaseUri">What stands before <c>dists/</c>, with a slash at its end.</param>
/// <param name="Suites">The suites that apt reads there.</param>
/// <param name="Keyrings">The files of keys that may sign it.</param>
internal sealed record AptArchive(Uri BaseUri, IReadOnlyList<string> Suites, IReadOnlyList<string> Keyrings);

/// <summary>
/// Reads where apt takes packages from, in both formats of sources.list(5). Nothing else knows an archive's address: what works for apt on a machine, its
/// mirror and its proxy, works here, and what apt does not trust is not trusted.
/// </summary>
internal static class AptSources
{
    private const string Component = "main";

    /// <summary>The archives, one for each address, in the order of the files.</summary>
    /// <param name="configuration">Where apt's files lie.</param>
    /// <exception cref="HarnessException">There is none to be used.</exception>
    public static IReadOnlyList<AptArchive> Read(AptConfiguration configuration)
    {
        AptArchive[] archives =
        [
            .. configuration.SourceFiles()
                .SelectMany(file => file.EndsWith(".sources", StringComparison.Ordinal) ? Stanzas(File.ReadAllText(file)) : Lines(File.ReadAllLines(file)))
                .Where(source => source.Components.Contains(Component))
                .GroupBy(source => source.Uri)
                .Select(group => new AptArchive(
                    group.Key,
                    [.. group.SelectMany(source => source.Suites).Distinct()],
                    [.. group.SelectMany(source => source.SignedBy is { } key ? [key] : configuration.TrustedKeys()).Distinct()])),
        ];
        return archives.Length > 0 ? archives : throw new HarnessException(
            ExitCode.NothingCouldRun,
            "apt is set up with no archive that has packages in 'main' over http, https or file; add one to /etc/apt/sources.list.d, or give a kernel by its path");
    }

    private static IEnumerable<Source> Stanzas(string text) => ControlFile.Parse(text.Split('\n'))
        .Where(stanza => Words(stanza, "Types").Contains("deb") && stanza.GetValueOrDefault("Enabled") is not "no")
        .SelectMany(stanza => Words(stanza, "URIs")
            .Select(uri => Make(uri, Words(stanza, "Suites"), Words(stanza, "Components"), stanza.GetValueOrDefault("Signed-By"))))
        .OfType<Source>();

    private static IEnumerable<Source> Lines(IEnumerable<string> lines)
    {
        foreach (string line in lines.Select(line => line.Split('#')[0].Trim()).Where(line => line.StartsWith("deb ", StringComparison.Ordinal)))
        {
            string rest = line[4..].Trim();
            string options = "";
            if (rest.StartsWith('[') && rest.IndexOf(']', StringComparison.Ordinal) is > 0 and var end)
            {
                options = rest[1..end];
                rest = rest[(end + 1)..].Trim();
            }
            string? key = options.Split(' ').Select(option => option.Split('=', 2)).FirstOrDefault(option => option is ["signed-by", _])?[1];
            if (rest.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries) is [var uri, var suite, .. var components]
                && Make(uri, [suite], components, key) is { } source)
            {
                yield return source;
            }
        }
    }

    // A suite that ends in a slash is a folder without suites. A key that stands in the stanza itself is no file; the archive of a distribution has one.
    private static Source? Make(string uri, string[] suites, string[] components, string? signedBy) =>
        Uri.TryCreate(uri.TrimEnd('/') + "/", UriKind.Absolute, out Uri? address) && address.Scheme is "http" or "https" or "file"
            ? new Source(address, [.. suites.Where(suite => !suite.EndsWith('/'))], components, KeyFile(signedBy))
            : null;

    private static string? KeyFile(string? signedBy) => signedBy is { } key && key.StartsWith('/') ? key.Split([' ', ','])[0] : null;

    private static string[] Words(IReadOnlyDictionary<string, string> stanza, string field) =>
        stanza.GetValueOrDefault(field)?.Split([' ', '\t', '\n'], StringSplitOptions.RemoveEmptyEntries) ?? [];

    private sealed record Source(Uri Uri, string[] Suites, string[] Components, string? SignedBy);
}
