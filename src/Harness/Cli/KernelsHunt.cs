using System.CommandLine;
using Harness.Kernels;
using Harness.Kernels.Archive;
using Harness.Kernels.Hunt;
using Harness.Matrix;
using Harness.Measure;

namespace Harness.Cli;

/// <summary>What <c>harness kernels bisect</c> and <c>attribute</c> share: one cell of a matrix, and kernels that are here or are offered.</summary>
internal static class KernelsHunt
{
    public static readonly Option<string?> Matrix = OptionParsers.Text("--matrix", "FILE", "the matrix that has the cell [default: bench/kernels.yml]");

    public static readonly Option<string?> Cell = OptionParsers.Text(
        "--cell", "ID", "which cell of it, by its id or by a glob that only one matches, like 'layer=syscall'; may be left out where there is one");

    public static readonly Option<bool> Cached = new("--cached") { Description = "only kernels that are here; asks no archive" };

    public static readonly Option<TimeSpan> Deadline = OptionParsers
        .Parsed("--deadline", "TIME", "a guest that says nothing for so long hangs, and is ended", Units.ParseTime).WithDefault(TimeSpan.FromMinutes(3));

    /// <summary>The matrix with the one cell that is asked for.</summary>
    /// <exception cref="HarnessException">There is no such cell, or there are several.</exception>
    public static MatrixDefinition ReadMatrix(ParseResult parse)
    {
        string path = parse.GetValue(Matrix) ?? Path.Combine(Checkout.Root ?? "", "bench", "kernels.yml");
        MatrixDefinition matrix = MatrixReader.Read(path, brief: false);
        if (matrix.Ops is null)
        {
            throw new HarnessException(ExitCode.Usage, $"{path} measures for a time, and a guest counts a fixed number of operations; add 'ops: 4000' to it");
        }
        IReadOnlyList<Cell> cells = matrix.Cells();
        string? asked = parse.GetValue(Cell);
        IReadOnlyList<Cell> chosen = cells.FirstOrDefault(cell => cell.Id == asked) is { } exact ? [exact] : Matching(cells, asked);
        if (chosen.Count != 1)
        {
            throw new HarnessException(
                ExitCode.Usage,
                $"{(asked is null ? path : $"--cell '{asked}'")} has {chosen.Count} cells, and one is hunted for: give --cell the id of one, like '{chosen[0].Id}'");
        }
        if (Harness.Kernels.Guest.GuestPlan.Refusal(chosen[0]) is { } refusal)
        {
            throw new HarnessException(ExitCode.Usage, $"{chosen[0].Id}: {refusal}");
        }
        return matrix with { Only = [chosen[0].Id] };
    }

    /// <summary>What is here, and what the archive offers unless <c>--cached</c> says to leave it alone.</summary>
    public static T WithKernels<T>(
        ParseResult parse, KernelCache cache, CancellationToken stop, Func<IReadOnlyList<KernelCandidate>, Func<KernelOffer, CachedKernel>, T> use)
    {
        if (parse.GetValue(Cached))
        {
            return use(KernelCandidates.All(cache.Kernels(), []), offer => throw new InvalidOperationException(offer.Release));
        }
        return KernelsVerb.WithArchives(cache, DownloadProgress.ToStderr(), (catalog, downloads) =>
        {
            KernelOffer[] offers = [.. catalog.Suites.SelectMany(suite => catalog.Read(suite, stop) ?? [])];
            var fetch = new KernelFetch(cache, downloads);
            return use(KernelCandidates.All(cache.Kernels(), offers), offer => fetch.Fetch(offer, stop).Kernel);
        });
    }

    private static IReadOnlyList<Cell> Matching(IReadOnlyList<Cell> cells, string? glob)
    {
        try
        {
            return CellFilter.Select(cells, glob);
        }
        catch (HarnessException e)
        {
            throw new HarnessException(e.ExitCode, e.Message.Replace("--filter", "--cell", StringComparison.Ordinal), e);
        }
    }
}
