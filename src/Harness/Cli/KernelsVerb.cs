using System.CommandLine;
using Harness.Kernels;
using Harness.Kernels.Archive;

namespace Harness.Cli;

/// <summary><c>harness kernels</c>: other kernels, in guests of this machine.</summary>
internal static class KernelsVerb
{
    /// <summary>Where kernels are kept; every verb below takes it.</summary>
    public static readonly Option<string?> Cache = OptionParsers.Text("--cache", "DIR", "where kernels are kept [default: harness/kernels in $XDG_CACHE_HOME or ~/.cache]");

    public static Command Create() => new("kernels", "other kernels in QEMU guests: what the package archive offers, a matrix on several of them, counted in guest instructions")
    {
        KernelsListVerb.Create(),
        KernelsFetchVerb.Create(),
        KernelsRunVerb.Create(),
        KernelsCompareVerb.Create(),
        KernelsProbeVerb.Create(),
        KernelsBisectVerb.Create(),
        KernelsAttributeVerb.Create(),
        KernelsNbdVerb.Create(),
        KernelsAttachVerb.Create(),
        KernelsAttachVerb.CreateDetach(),
    };

    public static KernelCache CacheOf(ParseResult parse) => new(parse.GetValue(Cache) is { } given ? Path.GetFullPath(given) : KernelCache.DefaultRoot);

    /// <summary>Calls with the archives that apt is set up with.</summary>
    /// <exception cref="HarnessException">There is none, or it was interrupted.</exception>
    public static T WithArchives<T>(KernelCache cache, DownloadProgress progress, Func<KernelCatalog, Downloader, T> use)
    {
        AptConfiguration apt = AptConfiguration.Read();
        IReadOnlyList<AptArchive> archives = AptSources.Read(apt);
        using var downloads = new Downloader(apt.Proxy, progress);
        try
        {
            return use(new KernelCatalog(archives, new SuiteIndex(downloads, cache, progress.Say)), downloads);
        }
        catch (OperationCanceledException e)
        {
            throw new HarnessException(ExitCode.Failed, "interrupted; what is half here is gone on with next time", e);
        }
    }
}
