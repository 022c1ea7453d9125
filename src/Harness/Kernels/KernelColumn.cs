using Harness.Kernels.Archive;

namespace Harness.Kernels;

/// <summary>A kernel of a table.</summary>
/// <param name="Release">As <c>uname -r</c> prints it.</param>
/// <param name="Name">The shortest beginning of it that tells the kernels of the table apart, as <c>6.12</c>.</param>
/// <param name="Version">Its package's version; null of one that was given by its path.</param>
/// <param name="Folder">Where its figures lie; null where they lie nowhere.</param>
/// <param name="Started">When they were made.</param>
internal sealed record KernelColumn(string Release, string Name, string? Version, string? Folder, DateTimeOffset? Started)
{
    /// <summary>Gives each the shortest name that no other has: its version up to the second number, up to the flavour, or all of it and its place.</summary>
    /// <param name="kernels">In the order of the columns.</param>
    public static IReadOnlyList<KernelColumn> Named(IReadOnlyList<KernelColumn> kernels)
    {
        Func<KernelColumn, int, string>[] forms =
        [
            (kernel, _) => string.Join('.', kernel.Release.Split('-', '+')[0].Split('.').Take(2)),
            (kernel, _) => kernel.Release.Split('-', '+')[0],
            (kernel, _) => kernel.Release.Split("-cloud", 2)[0].Split('+')[0],
            (kernel, _) => kernel.Release,
            (kernel, at) => $"{kernel.Release} #{at + 1}",
        ];
        Func<KernelColumn, int, string> form = forms.First(form => kernels.Select(form).Distinct().Count() == kernels.Count);
        return [.. kernels.Select((kernel, at) => kernel with { Name = form(kernel, at) })];
    }

    /// <summary>The place of the kernel that a person means; null where there is none.</summary>
    /// <param name="kernels">The columns.</param>
    /// <param name="word">A release, its beginning, or a column's name.</param>
    public static int? Find(IReadOnlyList<KernelColumn> kernels, string word)
    {
        int at = kernels.ToList().FindIndex(kernel => kernel.Name == word);
        at = at >= 0 ? at : kernels.ToList().FindLastIndex(kernel => KernelWord.Matches(word, kernel.Release));
        return at >= 0 ? at : null;
    }

    /// <summary>Oldest first.</summary>
    public static IOrderedEnumerable<T> Sorted<T>(IEnumerable<T> all, Func<T, string> release) => all.OrderBy(release, DebianVersion.Order);
}
