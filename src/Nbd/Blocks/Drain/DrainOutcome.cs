namespace Harness.Nbd;

/// <summary>What became of the beginning of a drain.</summary>
/// <param name="IsQuiet">True where nothing is in flight any more, and new requests wait; false where everything is as it was before.</param>
/// <param name="TookNs">From the begin to the quiet, or to the end of the waiting, in nanoseconds.</param>
/// <param name="Report">
/// Where it did not become quiet: what it waited for, a line each: the requests that were not completed, with the block that has each, and who else holds a
/// part.
/// </param>
public sealed record DrainOutcome(bool IsQuiet, long TookNs, IReadOnlyList<string> Report);

/// <summary>How a drain is to be begun.</summary>
public sealed record DrainOptions
{
    /// <summary>Who asked, for the reports of others that have to wait for it: one or a few words.</summary>
    public string Reason { get; init; } = "drain";

    /// <summary>How long to wait for what is in flight, in nanoseconds; then everything goes on as before. Negative: without limit.</summary>
    public long DeadlineNs { get; init; } = -1;

    /// <summary>
    /// Whether to give up as soon as a request that is waited for waits itself, where another drain holds something further down: it would not become quiet
    /// before that has ended.
    /// </summary>
    public bool GivesUpWhereHeld { get; init; }

    /// <summary>
    /// Called once with the outcome, on the thread of one of the loops, never from inside the end of a request; or of whoever ends the section before it is
    /// quiet. It must not block or throw.
    /// </summary>
    public Action<DrainSection, DrainOutcome>? WhenDone { get; init; }
}
