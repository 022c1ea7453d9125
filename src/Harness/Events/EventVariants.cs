using Harness.Io;

namespace Harness.Events;

/// <summary>The variants of the pipe test by their names, and the making of a test.</summary>
internal static class EventVariants
{
    /// <summary>What tevent does, which every other variant is held against.</summary>
    public const string OneByOne = "maxevents-1";

    /// <summary>The same with a batch, as most event loops have it.</summary>
    public const string Batch = "maxevents-64";

    /// <summary>The backends that have variants, in the order of results.</summary>
    public static readonly string[] Backends = [.. LoopVariants.All.Select(variant => variant.Backend).Distinct()];

    /// <summary>The names of variants; several backends may have one of the same name.</summary>
    public static readonly string[] Names = [.. LoopVariants.All.Select(variant => variant.Variant).Distinct()];

    /// <summary>Null where the backend has no such variant.</summary>
    public static LoopVariant? Find(string backend, string variant) =>
        LoopVariants.All.FirstOrDefault(known => known.Backend == backend && known.Variant == variant);

    /// <summary>Where a variant stands in results; last where nobody knows it, as in a file of another version.</summary>
    public static int Rank(string backend, string variant)
    {
        int at = LoopVariants.All.ToList().FindIndex(known => known.Backend == backend && known.Variant == variant);
        return at < 0 ? int.MaxValue : at;
    }

    /// <summary>Of all variants those of these backends and of these names, as <c>--backend</c> and <c>--variant</c> have them.</summary>
    /// <exception cref="HarnessException">There is none; the message says which ones these backends have.</exception>
    public static IReadOnlyList<LoopVariant> Require(IReadOnlyCollection<string> backends, IReadOnlyCollection<string> names)
    {
        LoopVariant[] selected = [.. LoopVariants.All.Where(variant => backends.Contains(variant.Backend) && names.Contains(variant.Variant))];
        return selected.Length > 0 ? selected : throw new HarnessException(ExitCode.Usage, $"--variant: {NoneOf(backends, names)}");
    }

    /// <inheritdoc cref="Require(IReadOnlyCollection{string}, IReadOnlyCollection{string})"/>
    public static LoopVariant Require(string backend, string name) => Require([backend], [name])[0];

    /// <summary>One sentence for a name that none of the backends has.</summary>
    public static string NoneOf(IReadOnlyCollection<string> backends, IReadOnlyCollection<string> names)
    {
        IEnumerable<string> legal = backends.Where(Backends.Contains)
            .Select(backend => $"{backend}: {string.Join(", ", LoopVariants.All.Where(variant => variant.Backend == backend).Select(variant => variant.Variant))}");
        return $"no variant of {string.Join(", ", backends)} is called {string.Join(" or ", names)}; legal: {string.Join("; ", legal)}";
    }

    /// <summary>Makes a test of a variant, which shows whether it can run here.</summary>
    /// <param name="make">Makes it.</param>
    /// <param name="refusal">Why it cannot run here, in one line; null where it can.</param>
    /// <exception cref="HarnessException">It could run, but not with so many pipes.</exception>
    public static T? Try<T>(Func<T> make, out string? refusal)
        where T : class
    {
        refusal = null;
        try
        {
            return make();
        }
        catch (Exception problem) when (problem is RingUnavailableException or NotSupportedException)
        {
            refusal = OneLine.Of(problem.Message);
            return null;
        }
        catch (IoException problem)
        {
            throw new HarnessException(ExitCode.Failed, problem.Message, problem);
        }
    }

    /// <summary>Why so many tokens do not fit into so many pipes, in one line; null where they do.</summary>
    public static string? TooMany(int tokens, int pipes) => tokens <= (long)pipes * EventsOptions.MostTokensOfPipe
        ? null
        : $"{tokens} tokens are more than {EventsOptions.MostTokensOfPipe} for each of {pipes} pipes; give fewer, or more pipes";
}
