namespace Harness.Ctl;

/// <summary>An answer that is a refusal.</summary>
internal sealed record ControlError
{
    /// <summary>One line: what is wrong, and what to do.</summary>
    public required string Error { get; init; }

    /// <summary>True where what was asked cannot be meant so; false where it could not be done.</summary>
    public bool IsUsage { get; init; }
}

/// <summary>What <c>ctl SOCKET graph</c> prints.</summary>
internal sealed record GraphDocument
{
    public required IReadOnlyList<GraphExport> Exports { get; init; }

    /// <summary>Every node once, shared ones too.</summary>
    public required IReadOnlyList<GraphNode> Nodes { get; init; }
}

/// <summary>An export, and the node that it begins with.</summary>
internal sealed record GraphExport
{
    public required string Name { get; init; }
    public required string Top { get; init; }
    public required long SizeBytes { get; init; }
    public required bool ReadOnly { get; init; }

    /// <summary>One of <see cref="Nbd.ThreadModels.Words"/>.</summary>
    public required string ThreadModel { get; init; }

    /// <summary>Clients that have entered it.</summary>
    public required int Clients { get; init; }

    /// <summary>Why its requests wait at its gate, a few words each; empty where they do not.</summary>
    public required IReadOnlyList<string> HeldBy { get; init; }
}

/// <summary>A store or filter.</summary>
internal sealed record GraphNode
{
    public required string Id { get; init; }

    /// <summary>The word of the store or filter.</summary>
    public required string Block { get; init; }

    /// <summary>As it was written: the filter alone, or the store.</summary>
    public required string Text { get; init; }

    /// <summary>The node behind it; null for a store.</summary>
    public required string? Next { get; init; }

    /// <summary>The node that a running copy copies what is behind this one to; null for every node but the copy's filter.</summary>
    public string? CopiesTo { get; init; }

    public required long SizeBytes { get; init; }

    /// <summary>Whether a client has entered an export that needs it.</summary>
    public required bool IsOpen { get; init; }

    /// <summary>Why requests wait before it, a few words each; empty where they do not.</summary>
    public required IReadOnlyList<string> HeldBy { get; init; }
}

/// <summary>What <c>ctl SOCKET drain</c> prints.</summary>
internal sealed record DrainDocument
{
    /// <summary>The node's ID, or <c>all</c>.</summary>
    public required string Node { get; init; }

    /// <summary>From the begin to the moment in which nothing was in flight.</summary>
    public required double TookUs { get; init; }

    /// <summary>When the server resumes by itself; null where it waits for <c>resume</c>.</summary>
    public required double? ResumesAfterMs { get; init; }
}

/// <summary>What <c>ctl SOCKET resume</c> prints.</summary>
internal sealed record ResumeDocument
{
    /// <summary>The node's ID, or <c>all</c>.</summary>
    public required string Node { get; init; }

    /// <summary>Drains that this has ended; those of others go on.</summary>
    public required int Ended { get; init; }
}

/// <summary>What <c>insert</c>, <c>remove</c> and <c>replace</c> print.</summary>
internal sealed record ChangeDocument
{
    public required string Command { get; init; }

    /// <summary>The node that was asked for.</summary>
    public required string Node { get; init; }

    /// <summary>IDs of the nodes that are new, from the client's side on.</summary>
    public required IReadOnlyList<string> Added { get; init; }

    /// <summary>IDs of the nodes that have gone.</summary>
    public required IReadOnlyList<string> Gone { get; init; }

    /// <summary>How long requests were held for it.</summary>
    public required double TookUs { get; init; }
}

/// <summary>What <c>ctl SOCKET stats</c> prints.</summary>
internal sealed record BlockStatsDocument
{
    /// <summary>The server's counters since its start, as the line <c>stats</c> answers them.</summary>
    public required System.Text.Json.JsonElement Server { get; init; }

    /// <summary>How long blocks were observed; null where they were not, and then every <see cref="BlockTraffic.Commands"/> is empty.</summary>
    public required double? Seconds { get; init; }

    public required IReadOnlyList<BlockTraffic> Exports { get; init; }
    public required IReadOnlyList<BlockTraffic> Nodes { get; init; }
}

/// <summary>What goes through an export or a node.</summary>
internal sealed record BlockTraffic
{
    /// <summary>The node's ID, or the export's name.</summary>
    public required string Id { get; init; }

    /// <summary>
    /// Of an export: requests that have not been answered to the last byte. Of a node: requests that it has and has not completed or handed on.
    /// </summary>
    public required long InFlight { get; init; }

    /// <summary>Requests that wait before it for the end of a drain.</summary>
    public required long Waiting { get; init; }

    public required IReadOnlyList<CommandTraffic> Commands { get; init; }
}

/// <summary>Requests of one command that began and ended while they were observed.</summary>
internal sealed record CommandTraffic
{
    public required string Command { get; init; }
    public required long Requests { get; init; }
    public required long Bytes { get; init; }
    public required long Errors { get; init; }
    public required BlockLatency LatencyUs { get; init; }
}

/// <summary>From a block's start to its completion, in microseconds; percentiles are at most an eighth too large.</summary>
internal sealed record BlockLatency
{
    public required double P50 { get; init; }
    public required double P90 { get; init; }
    public required double P99 { get; init; }

    [System.Text.Json.Serialization.JsonPropertyName("p99_9")]
    public required double P999 { get; init; }

    public required double Max { get; init; }

    /// <summary>From the shortest on, empty classes left out.</summary>
    public required IReadOnlyList<BlockLatencyClass> Histogram { get; init; }
}

/// <summary>So many requests took at most so many microseconds, and longer than the class before; eight classes to each power of two.</summary>
internal sealed record BlockLatencyClass
{
    public required double UpTo { get; init; }
    public required long Count { get; init; }
}

/// <summary>Where a copy is: a line now and then before its answer.</summary>
internal sealed record NodeCopyProgress
{
    public required long CopiedBytes { get; init; }
    public required long SizeBytes { get; init; }
}

/// <summary>What <c>ctl SOCKET copy</c> prints in the end.</summary>
internal sealed record CopyDocument
{
    /// <summary>The node whose bytes were copied.</summary>
    public required string Node { get; init; }

    /// <summary>The node that has taken its place.</summary>
    public required string NewNode { get; init; }

    /// <summary>IDs of the nodes that have gone.</summary>
    public required IReadOnlyList<string> Gone { get; init; }

    public required long SizeBytes { get; init; }
    public required double Seconds { get; init; }

    /// <summary>How long it took at the switch until nothing was in flight.</summary>
    public required double TookUs { get; init; }
}
