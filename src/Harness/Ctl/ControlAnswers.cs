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

    /// <summary>Requests of its clients that have not been answered to the last byte.</summary>
    public required long InFlight { get; init; }

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
