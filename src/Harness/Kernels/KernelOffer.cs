using Harness.Kernels.Archive;

namespace Harness.Kernels;

/// <summary>A kernel that a suite offers.</summary>
/// <param name="Release">As <c>uname -r</c> will print it.</param>
/// <param name="Suite">The suite.</param>
/// <param name="Packages">The packages that hold it: one, or from 7.x on the image, the binary and the modules.</param>
internal sealed record KernelOffer(string Release, string Suite, IReadOnlyList<ArchivePackage> Packages)
{
    public string Version => Packages[0].Version;

    public long Bytes => Packages.Sum(package => package.File.Bytes);

    /// <summary>The name of its folder in the cache: two builds of one release are two kernels.</summary>
    public string FolderName => $"{Release}-{Packages[^1].File.Sha256[..12]}";

    /// <summary>The kernels among a suite's packages, oldest first. One whose parts the suite no longer has is none.</summary>
    public static IReadOnlyList<KernelOffer> Among(IReadOnlyList<ArchivePackage> packages)
    {
        // A suite may hold several versions of a package; the newest is what apt would take.
        var byName = packages.GroupBy(package => package.Name)
            .ToDictionary(group => group.Key, group => group.MaxBy(package => package.Version, DebianVersion.Order)!);
        return
        [
            .. byName.Values
                .Where(package => Debian.Release(package.Name) is not null)
                .Select(image => Of(image, byName))
                .OfType<KernelOffer>()
                .OrderBy(offer => offer.Release, DebianVersion.Order),
        ];
    }

    private static KernelOffer? Of(ArchivePackage image, Dictionary<string, ArchivePackage> byName)
    {
        string[] needed = [.. image.Depends.Split([',', '|']).Select(part => part.Trim().Split(' ')[0]).Where(Debian.IsKernelPart)];
        // One that needs another kernel is only a name for the newest.
        return needed.All(byName.ContainsKey) && !needed.Any(name => Debian.Release(name) is not null)
            ? new KernelOffer(Debian.Release(image.Name)!, image.Suite, [image, .. needed.Order(StringComparer.Ordinal).Select(name => byName[name])])
            : null;
    }
}
