namespace Harness.Nbd;

/// <summary>Does nothing but ask for a stricter thread model, which its whole chain then has: the gate sees to it.</summary>
public sealed class NoParallelFilter : BlockFilter
{
    private static readonly string[] s_words = ["connections", "all-requests", "requests"];

    private NoParallelFilter(FilterArguments arguments, IBlock next)
        : base(next)
    {
        string word = arguments.String("serialize") ?? "requests";
        int index = Array.IndexOf(s_words, word);
        ThreadModel = index >= 0
            ? (ThreadModel)index
            : throw arguments.Wrong($"serialize={word} is none of {string.Join(", ", s_words)}{NearestName.Suggestion(word, s_words)}");
    }

    /// <summary>For the catalog.</summary>
    public static FilterKind Kind { get; } = new(
        "noparallel",
        "Requests of its chain go one by one: those of a client, or of all clients; or clients do.",
        "noparallel:serialize=all-requests/memory:1G",
        [new("serialize", "WHAT", "requests of each client, all-requests, or connections, of which the next one then waits to enter the export [default: requests]")],
        (arguments, next) => new NoParallelFilter(arguments, next) { Parameters = arguments.Text })
    {
        ThreadModel = ThreadModel.SerializeRequests,
    };

    /// <inheritdoc/>
    public override string Name => Kind.Name;

    /// <inheritdoc/>
    public override ThreadModel ThreadModel { get; }
}
