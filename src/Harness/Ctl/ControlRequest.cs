namespace Harness.Ctl;

/// <summary>What <c>harness ctl</c> asks of a server's control socket: one line of JSON. Members that a command has no use for are null.</summary>
internal sealed record ControlRequest
{
    /// <summary>One of <see cref="ControlWords"/>.</summary>
    public required string Command { get; init; }

    /// <summary>The ID of a node; null for all where the command takes all.</summary>
    public string? Node { get; init; }

    /// <summary>A filter's text, or a chain's.</summary>
    public string? Chain { get; init; }

    /// <summary>The ID that a new node is to get; null to have one made up.</summary>
    public string? NewId { get; init; }

    /// <summary>How long a drain may wait for what is in flight, in milliseconds; null for the server's default.</summary>
    public double? DeadlineMs { get; init; }

    /// <summary>How long to observe, or to hold before the server resumes by itself, in milliseconds.</summary>
    public double? ForMs { get; init; }
}

/// <summary>The words of <see cref="ControlRequest.Command"/>.</summary>
internal static class ControlWords
{
    public const string Stats = "stats";
    public const string Graph = "graph";
    public const string Drain = "drain";
    public const string Resume = "resume";
    public const string Insert = "insert";
    public const string Remove = "remove";
    public const string Replace = "replace";
    public const string Reparent = "reparent";
    public const string Copy = "copy";

    /// <summary>All of them, for messages.</summary>
    public static readonly string[] All = [Stats, Graph, Drain, Resume, Insert, Remove, Replace, Reparent, Copy];
}
