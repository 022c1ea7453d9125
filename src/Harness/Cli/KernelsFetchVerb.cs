using System.CommandLine;
using Harness.Kernels;
using Harness.Kernels.Archive;
using Harness.Results;

namespace Harness.Cli;

/// <summary><c>harness kernels fetch</c>: kernels into the cache.</summary>
internal static class KernelsFetchVerb
{
    private static readonly Argument<string[]> Kernels = new("VERSION|SUITE|PATH")
    {
        Description = "a release or its beginning (6.1, 6.12.94), a suite (its newest), or the path of a kernel, which is only looked at",
        Arity = ArgumentArity.OneOrMore,
    };

    public static Command Create()
    {
        var verb = new Command("fetch", "downloads kernels, checks them against the archive's signed lists and unpacks them; installs nothing") { Kernels, KernelsVerb.Cache };
        verb.SetAction(parse => (int)Fetch(parse));
        return verb;
    }

    private static ExitCode Fetch(ParseResult parse)
    {
        using var interrupts = new Interrupts();
        KernelCache cache = KernelsVerb.CacheOf(parse);
        string[] words = parse.GetValue(Kernels)!;
        foreach (string path in words.Where(KernelWord.IsPath))
        {
            StandardOutput.Write($"{KernelFiles.Given(path).Facts.Release}  {path}\n");
        }
        string[] names = [.. words.Where(word => !KernelWord.IsPath(word))];
        return names.Length == 0 ? ExitCode.Done : FetchAll(names, cache, interrupts.Token);
    }

    // One that cannot be had does not keep the others away.
    private static ExitCode FetchAll(string[] names, KernelCache cache, CancellationToken cancel)
    {
        var progress = DownloadProgress.ToStderr();
        return KernelsVerb.WithArchives(cache, progress, (catalog, downloads) =>
        {
            var fetch = new KernelFetch(cache, downloads);
            var code = ExitCode.Done;
            foreach (string name in names)
            {
                try
                {
                    var (kernel, wasThere) = fetch.Fetch(catalog.Find(name, cancel), cancel);
                    StandardOutput.Write($"{kernel.Facts.Release}  {kernel.Facts.Version}  {kernel.Facts.Suite}  {(wasThere ? "was here" : "fetched")}\n");
                }
                catch (HarnessException e)
                {
                    progress.Say($"harness kernels fetch: {name}: {OneLine.Of(e.Message)}");
                    code = e.ExitCode;
                }
            }
            return code;
        });
    }
}
