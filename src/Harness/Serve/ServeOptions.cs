namespace Harness.Serve;

/// <summary>What <c>harness serve</c> was asked for.</summary>
internal sealed record ServeOptions
{
    /// <summary>
    /// The chain of blocks that has no name of its own, null where none was written: from the client's side to the store, as it was written:
    /// <c>memory:1G</c>, <c>null:1G</c>, <c>file:/path</c>.
    /// </summary>
    public required string? Block { get; init; }

    /// <summary>NBD URIs to listen on; at least one.</summary>
    public required IReadOnlyList<string> Listen { get; init; }

    /// <summary>Whether <see cref="Listen"/> was asked for, and is not what holds where nothing is said.</summary>
    public bool ListenAsked { get; init; }

    /// <summary>Names, with chains of their own or (one at most) for <see cref="Block"/>; none is the default export.</summary>
    public IReadOnlyList<ExportOption> Exports { get; init; } = [];

    /// <summary>Chains whose first block has an ID: exports and other chains end in <c>@ID</c> to share it.</summary>
    public IReadOnlyList<NodeOption> Nodes { get; init; } = [];

    /// <summary>The richest form of replies that clients may negotiate.</summary>
    public Nbd.ReplyForm Replies { get; init; } = Nbd.ReplyForm.Extended;

    public bool ReadOnly { get; init; }

    /// <summary>Whether every byte is written once before anything is served, see <see cref="StoreFill"/>.</summary>
    public bool Fill { get; init; }

    /// <summary>One of <see cref="Matrix.Vocabulary.Backends"/>.</summary>
    public required string Backend { get; init; }

    /// <summary>One of <see cref="Matrix.Vocabulary.Waits"/>.</summary>
    public required string Wait { get; init; }

    /// <summary>With <c>block</c>: how long a loop lets requests gather where that pays; zero for never.</summary>
    public TimeSpan Gather { get; init; }

    /// <summary>TCP congestion control of our sockets, by its kernel name; null leaves the machine's default.</summary>
    public string? TcpCongestion { get; init; }

    /// <summary>Event loops, each on a thread of its own.</summary>
    public int Loops { get; init; } = 1;

    /// <summary>A thread model no looser than any chain's; null for each chain's own.</summary>
    public Nbd.ThreadModel? ThreadModel { get; init; }

    /// <summary>Connections at one time, over all loops; the next is closed as soon as it is accepted.</summary>
    public int MaxConnections { get; init; } = 100;

    /// <summary>Requests in flight per connection before the server stops receiving; null leaves it to the server.</summary>
    public int? MaxInFlight { get; init; }

    /// <summary>Bytes of requests in flight per connection before the server stops receiving; null leaves it to the server.</summary>
    public long? MaxBytes { get; init; }

    /// <summary>Path of the Unix socket on which the server reports its counters; null for none.</summary>
    public string? Control { get; init; }
}
