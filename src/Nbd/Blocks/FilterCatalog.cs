namespace Harness.Nbd;

/// <summary>A parameter of a filter, for help texts and for reading.</summary>
/// <param name="Name">The word before the equals sign.</param>
/// <param name="Value">What stands for a value in a synopsis, such as <c>TIME</c>.</param>
/// <param name="Meaning">What it says, its unit, and what holds without it.</param>
public sealed record FilterParameter(string Name, string Value, string Meaning);

/// <summary>A filter that the command line knows.</summary>
/// <param name="Name">Its word.</param>
/// <param name="Summary">What it does, in a sentence or two.</param>
/// <param name="Example">A chain with it.</param>
/// <param name="Parameters">What it takes.</param>
/// <param name="Make">Makes one before a block, from what was written for it.</param>
public sealed record FilterKind(
    string Name, string Summary, string Example, IReadOnlyList<FilterParameter> Parameters, Func<FilterArguments, IBlock, BlockFilter> Make)
{
    /// <summary>True where it never changes what is behind it, so that a file there is opened for reading only.</summary>
    public bool OnlyReadsNext { get; init; }

    /// <summary>The loosest thread model that one of its kind has without parameters.</summary>
    public ThreadModel ThreadModel { get; init; } = ThreadModel.Parallel;

    /// <summary>How it is written, for example <c>delay:read=TIME,write=TIME/…</c>.</summary>
    public string Synopsis =>
        $"{Name}{(Parameters.Count == 0 ? string.Empty : ":")}{string.Join(',', Parameters.Select(parameter => $"{parameter.Name}={parameter.Value}"))}/…";
}

/// <summary>Every filter, documented where it is listed: help texts and <c>harness blocks</c> are printed from here.</summary>
public static class FilterCatalog
{
    /// <summary>All of them, in the order in which they are printed.</summary>
    public static IReadOnlyList<FilterKind> All { get; } =
    [
        DelayFilter.Kind,
        ThrottleFilter.Kind,
        ErrorFilter.Kind,
        StatsFilter.Kind,
        LogFilter.Kind,
        ReadOnlyFilter.Kind,
        BlockSizeFilter.Kind,
        CowFilter.Kind,
        NoParallelFilter.Kind,
        OffsetFilter.Kind,
        PartitionFilter.Kind,
    ];
}
