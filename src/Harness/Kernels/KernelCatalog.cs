using Harness.Kernels.Archive;

namespace Harness.Kernels;

/// <summary>What the archives that apt is set up with offer, suite by suite; a suite is read when it is first asked for.</summary>
/// <param name="archives">The archives.</param>
/// <param name="index">Reads a suite.</param>
internal sealed class KernelCatalog(IReadOnlyList<AptArchive> archives, SuiteIndex index)
{
    private readonly Dictionary<string, IReadOnlyList<KernelOffer>?> _suites = [];

    /// <summary>The suites that are looked at where none is named: apt's own, and on the same mirror those of other releases.</summary>
    public IReadOnlyList<string> Suites { get; } =
    [
        .. archives.SelectMany(archive => archive.Suites)
            .Concat(Debian.Suites)
            .Concat(Debian.Suites.Where(Debian.HasSecurity).Select(suite => suite + Debian.Security))
            .Distinct(),
    ];

    /// <summary>The kernels of a suite, oldest first; null where no archive has such a suite.</summary>
    public IReadOnlyList<KernelOffer>? Read(string suite, CancellationToken cancel)
    {
        if (!_suites.TryGetValue(suite, out IReadOnlyList<KernelOffer>? kernels))
        {
            IReadOnlyList<ArchivePackage>[] found =
            [
                .. archives.Where(archive => MayHave(archive, suite))
                    .Select(archive => index.Read(archive, suite, Debian.IsKernelPart, cancel))
                    .OfType<IReadOnlyList<ArchivePackage>>(),
            ];
            _suites[suite] = kernels = found.Length > 0 ? KernelOffer.Among([.. found.SelectMany(packages => packages)]) : null;
        }
        return kernels;
    }

    /// <summary>The newest kernel that a word stands for: a suite, a release, or the beginning of one.</summary>
    /// <exception cref="HarnessException">There is none.</exception>
    public KernelOffer Find(string word, CancellationToken cancel)
    {
        if (!char.IsAsciiDigit(word.FirstOrDefault()))
        {
            IReadOnlyList<KernelOffer> of = Read(word, cancel)
                ?? throw new HarnessException(ExitCode.Failed, $"there is no suite '{word}' on the archives that apt is set up with; harness kernels list shows those that are");
            return of.LastOrDefault() ?? throw new HarnessException(ExitCode.Failed, $"suite {word} has no package linux-image-VERSION-{Debian.Flavour}");
        }
        // The newest package of the newest release, wherever it is.
        return Suites.SelectMany(suite => Read(suite, cancel) ?? [])
            .Where(offer => KernelWord.Matches(word, offer.Release))
            .OrderBy(offer => offer.Release, DebianVersion.Order)
            .ThenBy(offer => offer.Version, DebianVersion.Order)
            .LastOrDefault()
            ?? throw new HarnessException(ExitCode.Failed, $"no suite has a kernel {word}; harness kernels list shows what there is");
    }

    // An archive of security fixes has no other suites, and the others have none of these.
    private static bool MayHave(AptArchive archive, string suite) =>
        archive.Suites.Contains(suite)
        || archive.Suites.All(own => own.EndsWith(Debian.Security, StringComparison.Ordinal)) == suite.EndsWith(Debian.Security, StringComparison.Ordinal);
}
