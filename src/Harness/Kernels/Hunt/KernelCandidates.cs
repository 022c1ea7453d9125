using Harness.Kernels.Archive;

namespace Harness.Kernels.Hunt;

/// <summary>A version that can be measured: one that is here, or one that the archive offers, or both.</summary>
/// <param name="Release">As <c>uname -r</c> prints it.</param>
/// <param name="Version">Its package's version; null of one that was given by its path.</param>
/// <param name="Suite">Where it comes from; null of one that was given by its path.</param>
/// <param name="Here">On this machine's disk; null where it has to be fetched.</param>
/// <param name="Offer">As the archive offers it; null where it does not, or was not asked.</param>
internal sealed record KernelCandidate(string Release, string? Version, string? Suite, CachedKernel? Here, KernelOffer? Offer)
{
    public static KernelCandidate Of(CachedKernel kernel) => new(kernel.Facts.Release, kernel.Facts.Version, kernel.Facts.Suite, kernel, null);
}

/// <summary>The versions from one end to the other.</summary>
internal static class KernelCandidates
{
    /// <summary>All versions, oldest first; of each release the newest package, from the cache where it is there.</summary>
    /// <param name="cached">What is here.</param>
    /// <param name="offers">What the archive offers.</param>
    public static IReadOnlyList<KernelCandidate> All(IReadOnlyList<CachedKernel> cached, IReadOnlyList<KernelOffer> offers)
    {
        var here = cached.ToLookup(kernel => Path.GetFileName(kernel.Folder));
        return
        [
            .. offers.Select(offer => new KernelCandidate(offer.Release, offer.Version, offer.Suite, here[offer.FolderName].FirstOrDefault(), offer))
                .Concat(cached.Select(KernelCandidate.Of))
                .GroupBy(candidate => candidate.Release)
                .Select(builds => builds
                    .OrderBy(build => build.Version, DebianVersion.Order)
                    .ThenBy(build => build.Here is not null)
                    .Last())
                .OrderBy(candidate => candidate.Release, DebianVersion.Order),
        ];
    }

    /// <summary>Those from GOOD to BAD, both among them, in that direction: BAD may be the older one, and then it is an improvement that is found.</summary>
    /// <param name="all">All versions, oldest first.</param>
    /// <param name="good">A release, its beginning, a suite, or a path.</param>
    /// <param name="bad">The same.</param>
    /// <exception cref="HarnessException">One of them is nowhere, or both are one.</exception>
    public static IReadOnlyList<KernelCandidate> Between(IReadOnlyList<KernelCandidate> all, string good, string bad)
    {
        KernelCandidate first = Find(all, good);
        KernelCandidate last = Find(all, bad);
        int order = DebianVersion.Order.Compare(first.Release, last.Release);
        if (order == 0)
        {
            throw new HarnessException(ExitCode.Usage, $"GOOD and BAD are both {first.Release}; give two kernels");
        }
        var inside = all.Where(candidate => Inside(candidate.Release, first.Release, last.Release) || Inside(candidate.Release, last.Release, first.Release));
        return [first, .. order < 0 ? inside : inside.Reverse(), last];
    }

    /// <summary>The newest that a word stands for.</summary>
    /// <exception cref="HarnessException">There is none.</exception>
    public static KernelCandidate Find(IReadOnlyList<KernelCandidate> all, string word) =>
        KernelWord.IsPath(word) ? KernelCandidate.Of(KernelFiles.Given(word))
        : all.LastOrDefault(candidate => KernelWord.Matches(word, candidate.Release) || candidate.Suite == word)
        ?? throw new HarnessException(ExitCode.Usage, $"there is no kernel {word}; harness kernels list shows what is here and what the archive offers");

    private static bool Inside(string release, string below, string above) =>
        DebianVersion.Order.Compare(below, release) < 0 && DebianVersion.Order.Compare(release, above) < 0;
}
