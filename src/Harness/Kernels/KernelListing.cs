namespace Harness.Kernels;

/// <summary>A line of <c>harness kernels list</c>.</summary>
internal sealed record KernelListing
{
    /// <summary>As <c>uname -r</c> prints it.</summary>
    public required string Release { get; init; }

    /// <summary>The package's version; null where nobody knows.</summary>
    public string? Version { get; init; }

    /// <summary>The suite that offers it, or from which it was fetched.</summary>
    public string? Suite { get; init; }

    /// <summary>What is to be downloaded; null where it is no longer offered.</summary>
    public long? Bytes { get; init; }

    /// <summary>Whether it is in the cache.</summary>
    public bool Cached { get; init; }

    /// <summary>What is offered, suite by suite, and before it what is here and is offered no longer, or was not asked for.</summary>
    public static IReadOnlyList<KernelListing> Of(IReadOnlyList<CachedKernel> cached, IReadOnlyList<KernelOffer> offers)
    {
        var here = cached.ToDictionary(kernel => Path.GetFileName(kernel.Folder), kernel => kernel.Facts);
        var offered = offers.Select(offer => offer.FolderName).ToHashSet();
        return
        [
            .. here.Where(kernel => !offered.Contains(kernel.Key))
                .Select(kernel => kernel.Value)
                .Select(facts => new KernelListing { Release = facts.Release, Version = facts.Version, Suite = facts.Suite, Cached = true }),
            .. offers.Select(offer => new KernelListing
            {
                Release = offer.Release,
                Version = offer.Version,
                Suite = offer.Suite,
                Bytes = offer.Bytes,
                Cached = here.ContainsKey(offer.FolderName),
            }),
        ];
    }
}
