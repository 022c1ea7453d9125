using System.Globalization;
using System.IO.Compression;
using System.Text;

namespace Harness.Kernels.Archive;

/// <summary>Reads what a suite of an archive offers: its signed list of files, and of those the list of packages.</summary>
/// <param name="downloads">Fetches.</param>
/// <param name="cache">Keeps lists by their hash.</param>
/// <param name="say">Told what is odd and no reason to stop.</param>
internal sealed class SuiteIndex(Downloader downloads, KernelCache cache, Action<string> say)
{
    /// <summary>The packages of a suite whose names a test accepts; null where the archive has no such suite.</summary>
    /// <exception cref="HarnessException">It cannot be reached, is not signed as it should be, or is not what its list says.</exception>
    public IReadOnlyList<ArchivePackage>? Read(AptArchive archive, string suite, Func<string, bool> wants, CancellationToken cancel)
    {
        var dist = new Uri(archive.BaseUri, $"dists/{suite}/");
        string what = $"the list of suite {suite}";
        if (Signed(dist, archive, what, cancel) is not { } release)
        {
            return null;
        }
        var fields = ControlFile.Parse(Encoding.UTF8.GetString(release).Split('\n')).First();
        WarnIfStale(fields, what);
        if (Packages(fields, dist) is not { } list)
        {
            return [];
        }
        string path = cache.IndexFile(list.Sha256);
        downloads.Fetch(list, path, cancel);
        return [.. ControlFile.Parse(Lines(path))
            .Where(stanza => stanza.GetValueOrDefault("Package") is { } name && wants(name))
            .Select(stanza => Package(stanza, archive, suite))
            .OfType<ArchivePackage>()];
    }

    private byte[]? Signed(Uri dist, AptArchive archive, string what, CancellationToken cancel)
    {
        if (Signature.ReadsInRelease && downloads.Small(new Uri(dist, "InRelease"), cancel) is { } signed)
        {
            return Signature.TextOf(signed, archive.Keyrings, what);
        }
        if (downloads.Small(new Uri(dist, "Release"), cancel) is not { } release || downloads.Small(new Uri(dist, "Release.gpg"), cancel) is not { } signature)
        {
            return null;
        }
        Signature.Require(release, signature, archive.Keyrings, what);
        return release;
    }

    // Apt refuses such a list, because it may lack the fixes of today. Here a kernel of last month is as good as any other, and the signature holds.
    private void WarnIfStale(IReadOnlyDictionary<string, string> fields, string what)
    {
        if (fields.GetValueOrDefault("Valid-Until") is { } until
            && DateTimeOffset.TryParse(until.Replace("UTC", "+00:00", StringComparison.Ordinal), CultureInfo.InvariantCulture, out var end)
            && end < DateTimeOffset.UtcNow)
        {
            say($"warning: {what} was meant to be used until {until} only: the mirror is stale or this machine's clock is wrong; there may be newer kernels");
        }
    }

    /// <summary>The list of packages, in a compression that can be read here.</summary>
    private static ArchiveFile? Packages(IReadOnlyDictionary<string, string> fields, Uri dist)
    {
        string folder = $"main/binary-{Debian.Architecture}/";
        var files = (fields.GetValueOrDefault("SHA256") ?? "").Split('\n')
            .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Where(words => words.Length == 3)
            .ToDictionary(words => words[2], words => (Hash: words[0], Bytes: long.Parse(words[1], CultureInfo.InvariantCulture)));
        foreach (string name in new[] { "Packages.xz", "Packages.gz", "Packages" })
        {
            if (files.TryGetValue(folder + name, out var file))
            {
                // By its hash, a list that the mirror is just replacing is still the one that was signed.
                string path = fields.GetValueOrDefault("Acquire-By-Hash") == "yes" ? $"{folder}by-hash/SHA256/{file.Hash}" : folder + name;
                return new ArchiveFile(new Uri(dist, path), file.Bytes, file.Hash) { Name = name };
            }
        }
        return null;
    }

    private static IEnumerable<string> Lines(string path)
    {
        byte[] start = new byte[6];
        using (var stream = File.OpenRead(path))
        {
            _ = stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
        }
        if (start is [0xFD, (byte)'7', (byte)'z', (byte)'X', (byte)'Z', 0])
        {
            return ToolCommand.Run(["xz", "-dc", path]).Require($"cannot unpack '{path}'").Output.Split('\n');
        }
        return start is [0x1F, 0x8B, ..] ? Unzipped(path) : File.ReadLines(path);
    }

    private static IEnumerable<string> Unzipped(string path)
    {
        using var reader = new StreamReader(new GZipStream(File.OpenRead(path), CompressionMode.Decompress));
        while (reader.ReadLine() is { } line)
        {
            yield return line;
        }
    }

    private static ArchivePackage? Package(IReadOnlyDictionary<string, string> stanza, AptArchive archive, string suite) =>
        stanza.TryGetValue("Filename", out string? file) && stanza.TryGetValue("SHA256", out string? hash) && stanza.TryGetValue("Version", out string? version)
        && long.TryParse(stanza.GetValueOrDefault("Size"), NumberStyles.None, CultureInfo.InvariantCulture, out long bytes)
            ? new ArchivePackage(
                stanza["Package"], version, suite, stanza.GetValueOrDefault("Depends") ?? "", new ArchiveFile(new Uri(archive.BaseUri, file), bytes, hash))
            : null;
}

/// <summary>A package that a suite offers.</summary>
internal sealed record ArchivePackage(string Name, string Version, string Suite, string Depends, ArchiveFile File);
