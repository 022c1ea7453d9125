using System.Text.Json;
using Harness.Kernels.Archive;
using Harness.Measure;
using Harness.Results;

namespace Harness.Kernels;

/// <summary>
/// What has been fetched and made, by hash: <c>index/</c> lists of packages, <c>deb/</c> downloads on their way, <c>kernels/</c> unpacked kernels,
/// <c>image/</c> what guests run. All of it may be deleted at any time.
/// </summary>
internal sealed class KernelCache(string root)
{
    private const string FactsFile = "kernel.json";

    /// <summary><c>$XDG_CACHE_HOME/harness/kernels</c>, by default below <c>~/.cache</c>; without a home below the source tree.</summary>
    public static string DefaultRoot
    {
        get
        {
            string? home = Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } xdg && xdg.StartsWith('/') ? xdg
                : Environment.GetEnvironmentVariable("HOME") is { Length: > 0 } user ? Path.Combine(user, ".cache") : null;
            return home is null ? Path.Combine(Checkout.Root ?? Path.GetTempPath(), ".cache", "kernels") : Path.Combine(home, "harness", "kernels");
        }
    }

    public string Root => root;

    public string IndexFile(string sha256) => Path.Combine(root, "index", sha256);

    public string PackageFile(ArchiveFile file) => Path.Combine(root, "deb", $"{file.Sha256}.deb");

    public string Folder(string name) => Path.Combine(root, name);

    /// <summary>The kernels that are here, oldest first.</summary>
    public IReadOnlyList<CachedKernel> Kernels()
    {
        string folder = Path.Combine(root, "kernels");
        return Directory.Exists(folder)
            ? [.. Directory.GetDirectories(folder)
                .Where(path => !Path.GetFileName(path).StartsWith('.'))
                .Select(Read)
                .OfType<CachedKernel>()
                .OrderBy(kernel => kernel.Facts.Release, DebianVersion.Order)
                .ThenBy(kernel => kernel.Facts.Version, DebianVersion.Order)]
            : [];
    }

    /// <summary>Puts a kernel down as a whole: it is filled under another name first.</summary>
    /// <param name="name">The folder's name.</param>
    /// <param name="fill">Fills a folder and says what is in it.</param>
    /// <exception cref="HarnessException">The disk is full, or may not be written to.</exception>
    public CachedKernel Add(string name, Func<string, KernelFacts> fill)
    {
        string target = Path.Combine(root, "kernels", name);
        string unfinished = Path.Combine(root, "kernels", $".{name}.{Environment.ProcessId}");
        try
        {
            Directory.CreateDirectory(unfinished);
            KernelFacts facts = fill(unfinished);
            File.WriteAllText(Path.Combine(unfinished, FactsFile), JsonSerializer.Serialize(facts, ResultsJson.Document.KernelFacts) + "\n");
            if (Directory.Exists(target))
            {
                Directory.Delete(target, recursive: true);
            }
            Directory.Move(unfinished, target);
            return new CachedKernel(target, facts);
        }
        catch (Exception e) when (FileTrouble.Is(e))
        {
            throw new HarnessException(ExitCode.Failed, $"cannot unpack a kernel to '{target}': {FileTrouble.Reason(e, target)}; choose another place with --cache DIR", e);
        }
        finally
        {
            if (Directory.Exists(unfinished))
            {
                Directory.Delete(unfinished, recursive: true);
            }
        }
    }

    private static CachedKernel? Read(string folder)
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllText(Path.Combine(folder, FactsFile)), ResultsJson.Document.KernelFacts) is { } facts
                && File.Exists(Path.Combine(folder, facts.Image)) ? new CachedKernel(folder, facts) : null;
        }
        catch (Exception e) when (e is JsonException || FileTrouble.Is(e))
        {
            // Half of one, or of an older format: it is as if it were not there, and is replaced when it is fetched.
            return null;
        }
    }
}

/// <summary>A kernel on this machine's disk.</summary>
/// <param name="Folder">Where its files lie.</param>
/// <param name="Facts">What it is.</param>
internal sealed record CachedKernel(string Folder, KernelFacts Facts)
{
    /// <summary>The file to boot.</summary>
    public string Image => Path.Combine(Folder, Facts.Image);

    /// <summary>The folder of its modules; null where it has none.</summary>
    public string? Modules => Facts.Modules is { } modules ? Path.Combine(Folder, modules) : null;
}

/// <summary>What a kernel is and where it came from: <c>kernel.json</c> in the cache, and <c>guest.kernel</c> in <c>run.json</c>.</summary>
internal sealed record KernelFacts
{
    /// <summary>As <c>uname -r</c> prints it.</summary>
    public required string Release { get; init; }

    /// <summary>The package's version; null of a kernel that was given by its path.</summary>
    public string? Version { get; init; }

    /// <summary>The suite that it was taken from; null of a kernel that was given by its path.</summary>
    public string? Suite { get; init; }

    /// <summary>The bootable file, from the kernel's folder.</summary>
    public required string Image { get; init; }

    /// <summary>The folder of its modules, from the kernel's folder; null where it has none.</summary>
    public string? Modules { get; init; }

    /// <summary>SHA-256 of the bootable file.</summary>
    public required string Sha256 { get; init; }
}
