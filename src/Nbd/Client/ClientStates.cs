namespace Harness.Nbd;

/// <summary>Where the receiving side of a connection is; its sentence and its exits are in <see cref="ClientStates"/>.</summary>
public enum ReadState : byte
{
    /// <summary>Before the transmission phase.</summary>
    NotStarted,

    /// <summary>Between replies, or within the header of a reply or of one of its chunks.</summary>
    ReplyHeader,

    /// <summary>Within the data of a READ that arrives through the receive buffer.</summary>
    Payload,

    /// <summary>Within the data of a large READ that the kernel writes to its destination.</summary>
    PayloadDirect,

    /// <summary>Within the data of a READ that nobody wants (any more).</summary>
    PayloadDropped,

    /// <summary>Within the first fields of a chunk's payload.</summary>
    ChunkHead,

    /// <summary>Within the extents of a BLOCK_STATUS.</summary>
    Extents,

    /// <summary>Within what an error has to say.</summary>
    ErrorText,

    /// <summary>Nothing more is received.</summary>
    Ended,
}

/// <summary>Where the sending side of a connection is; its sentence and its exits are in <see cref="ClientStates"/>.</summary>
public enum WriteState : byte
{
    /// <summary>Before the transmission phase.</summary>
    NotStarted,

    /// <summary>No request waits to be sent.</summary>
    Ready,

    /// <summary>Requests of this turn are being gathered for one send.</summary>
    Gathering,

    /// <summary>A send has everything that was gathered.</summary>
    Sending,

    /// <summary>The kernel took a part; a send has the rest.</summary>
    SendingRest,

    /// <summary>The table of requests in flight is full.</summary>
    Full,

    /// <summary>Half duplex only: a reply is half received, so nothing is sent.</summary>
    Paused,

    /// <summary>The last request, DISC, is being sent.</summary>
    Disconnecting,

    /// <summary>Nothing more is sent.</summary>
    Ended,
}

/// <summary>
/// One table per side: what each state means, what it waits for, and where it may go. The check of a transition, every message and the timeline read the same
/// table, so they cannot disagree.
/// </summary>
public static class ClientStates
{
    private static readonly (ReadState State, string Sentence, string WaitsFor, ReadState[] Exits)[] s_read =
    [
        (ReadState.NotStarted, "the handshake is not over", "the handshake", [ReadState.ReplyHeader, ReadState.Ended]),
        (ReadState.ReplyHeader, "waiting for a reply's header", "the server to answer",
            [ReadState.Payload, ReadState.PayloadDirect, ReadState.PayloadDropped, ReadState.ChunkHead, ReadState.Ended]),
        (ReadState.Payload, "copying the data of a READ out of the receive buffer", "more of the data",
            [ReadState.ReplyHeader, ReadState.PayloadDirect, ReadState.PayloadDropped, ReadState.Ended]),
        (ReadState.PayloadDirect, "receiving the data of a READ into its destination", "more of the data",
            [ReadState.ReplyHeader, ReadState.PayloadDropped, ReadState.Ended]),
        (ReadState.PayloadDropped, "receiving the data of a READ that nobody wants", "more of the data", [ReadState.ReplyHeader, ReadState.Ended]),
        (ReadState.ChunkHead, "waiting for the first fields of a chunk", "the rest of the chunk's first fields",
            [
                ReadState.ReplyHeader, ReadState.Payload, ReadState.PayloadDirect, ReadState.PayloadDropped, ReadState.Extents, ReadState.ErrorText,
                ReadState.Ended,
            ]),
        (ReadState.Extents, "receiving the extents of a BLOCK_STATUS", "more extents", [ReadState.ReplyHeader, ReadState.Ended]),
        (ReadState.ErrorText, "receiving what an error has to say", "more of the error's text", [ReadState.ReplyHeader, ReadState.Ended]),
        (ReadState.Ended, "nothing more is received", "nothing", []),
    ];

    private static readonly (WriteState State, string Sentence, string WaitsFor, WriteState[] Exits)[] s_write =
    [
        (WriteState.NotStarted, "the handshake is not over", "the handshake", [WriteState.Ready, WriteState.Ended]),
        (WriteState.Ready, "no request waits to be sent", "the caller to submit a request", [WriteState.Gathering, WriteState.Disconnecting, WriteState.Ended]),
        (WriteState.Gathering, "gathering the requests of this turn", "the end of this turn of the loop",
            [WriteState.Ready, WriteState.Sending, WriteState.Full, WriteState.Paused, WriteState.Ended]),
        (WriteState.Sending, "sending requests", "the kernel to take the requests",
            [WriteState.SendingRest, WriteState.Gathering, WriteState.Ready, WriteState.Paused, WriteState.Ended]),
        (WriteState.SendingRest, "sending the rest of requests of which the kernel took a part", "room in the socket, which the server makes by reading",
            [WriteState.SendingRest, WriteState.Gathering, WriteState.Ready, WriteState.Paused, WriteState.Ended]),
        (WriteState.Full, "the table of requests in flight is full", "a reply, which frees a place in the table",
            [WriteState.Gathering, WriteState.Ready, WriteState.Ended]),
        (WriteState.Paused, "half duplex: a reply is half received", "the rest of the reply",
            [WriteState.Sending, WriteState.SendingRest, WriteState.Ended]),
        (WriteState.Disconnecting, "sending DISC", "the kernel to take DISC", [WriteState.Ended]),
        (WriteState.Ended, "nothing more is sent", "nothing", []),
    ];

    // A set of exits as bits: the check is one load and one test, cheap enough for the hot path.
    private static readonly uint[] s_readExits = Array.ConvertAll(s_read, row => Bits(row.Exits, exit => (int)exit));
    private static readonly uint[] s_writeExits = Array.ConvertAll(s_write, row => Bits(row.Exits, exit => (int)exit));

    /// <summary>What the state means, as a phrase for messages. Any thread may ask.</summary>
    public static string Sentence(ReadState state) => s_read[(int)state].Sentence;

    /// <summary>What the state means, as a phrase for messages. Any thread may ask.</summary>
    public static string Sentence(WriteState state) => s_write[(int)state].Sentence;

    /// <summary>What a side in this state waits for, as a phrase for tables. Any thread may ask.</summary>
    public static string WaitsFor(ReadState state) => s_read[(int)state].WaitsFor;

    /// <summary>What a side in this state waits for, as a phrase for tables. Any thread may ask.</summary>
    public static string WaitsFor(WriteState state) => s_write[(int)state].WaitsFor;

    /// <summary>Where the state may go. Any thread may ask.</summary>
    public static IReadOnlyList<ReadState> Exits(ReadState state) => s_read[(int)state].Exits;

    /// <summary>Where the state may go. Any thread may ask.</summary>
    public static IReadOnlyList<WriteState> Exits(WriteState state) => s_write[(int)state].Exits;

    /// <summary>The next state, where the table allows it; otherwise the client itself is wrong, and it throws.</summary>
    internal static ReadState Go(ReadState from, ReadState to)
    {
        if ((s_readExits[(int)from] & (1u << (int)to)) == 0)
        {
            throw new InvalidOperationException($"the read side cannot go from {from} to {to}");
        }

        return to;
    }

    /// <summary>The next state, where the table allows it; otherwise the client itself is wrong, and it throws.</summary>
    internal static WriteState Go(WriteState from, WriteState to)
    {
        if ((s_writeExits[(int)from] & (1u << (int)to)) == 0)
        {
            throw new InvalidOperationException($"the write side cannot go from {from} to {to}");
        }

        return to;
    }

    private static uint Bits<T>(T[] exits, Func<T, int> number) => exits.Aggregate(0u, (bits, exit) => bits | (1u << number(exit)));
}
