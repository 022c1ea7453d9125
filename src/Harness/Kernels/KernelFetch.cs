using Harness.Kernels.Archive;
using Harness.Run;

namespace Harness.Kernels;

/// <summary>Brings a kernel into the cache: downloads its packages, checks them, unpacks them without installing anything.</summary>
/// <param name="cache">Where it goes.</param>
/// <param name="downloads">Fetches.</param>
internal sealed class KernelFetch(KernelCache cache, Downloader downloads)
{
    /// <summary>Fetches an offer, unless it is there.</summary>
    /// <param name="offer">Which.</param>
    /// <param name="cancel">Ends it; what is half there is kept.</param>
    /// <returns>The kernel, and whether it was there already.</returns>
    public (CachedKernel Kernel, bool WasThere) Fetch(KernelOffer offer, CancellationToken cancel)
    {
        if (cache.Kernels().FirstOrDefault(kernel => Path.GetFileName(kernel.Folder) == offer.FolderName) is { } there)
        {
            return (there, true);
        }
        foreach (ArchivePackage package in offer.Packages)
        {
            downloads.Fetch(package.File, cache.PackageFile(package.File), cancel);
        }
        CachedKernel kernel = cache.Add(offer.FolderName, folder =>
        {
            foreach (ArchivePackage package in offer.Packages)
            {
                Unpack(cache.PackageFile(package.File), folder);
            }
            return KernelFiles.Look(folder, offer.Release) with { Version = offer.Version, Suite = offer.Suite };
        });
        // What is unpacked is not needed twice.
        foreach (ArchivePackage package in offer.Packages)
        {
            File.Delete(cache.PackageFile(package.File));
        }
        return (kernel, false);
    }

    private static void Unpack(string package, string folder)
    {
        if (ProgramPath.Find("dpkg") is null)
        {
            throw new HarnessException(ExitCode.Failed, "there is no dpkg here to unpack a kernel's package with; install it, or give a kernel by its path");
        }
        ToolCommand.Run(["dpkg", "-x", package, folder]).Require("cannot unpack a kernel's package");
    }
}
