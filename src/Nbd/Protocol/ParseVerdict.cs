namespace Harness.Nbd;

/// <summary>How the parse of one message ended.</summary>
public enum ParseStatus : byte
{
    /// <summary>The bytes are the beginning of a good message; come again with more.</summary>
    NeedMore,

    /// <summary>The message is good.</summary>
    Ok,

    /// <summary>The message is complete but bad, and the connection can go on: answer with an error.</summary>
    Refuse,

    /// <summary>The connection cannot go on: close it.</summary>
    Drop,
}

/// <summary>
/// The result of parsing what a peer sent in the handshake. Parsers never throw for what a peer sends; they say what is wrong and what is to happen.
/// </summary>
/// <param name="Status">What is to happen.</param>
/// <param name="Reply">The error to answer with where <paramref name="Status"/> is <see cref="ParseStatus.Refuse"/>.</param>
/// <param name="Reason">For people: what is wrong; empty where nothing is. At most a few hundred characters, whatever the peer sent.</param>
public readonly record struct ParseVerdict(ParseStatus Status, OptionReplyType Reply, string Reason)
{
    /// <summary>Come again with more bytes.</summary>
    public static ParseVerdict NeedMore => new(ParseStatus.NeedMore, 0, string.Empty);

    /// <summary>The message is good.</summary>
    public static ParseVerdict Ok => new(ParseStatus.Ok, 0, string.Empty);

    /// <summary>True where the message is good.</summary>
    public bool IsOk => Status == ParseStatus.Ok;

    /// <summary>Answer with this error and go on.</summary>
    public static ParseVerdict Refuse(OptionReplyType reply, string reason) => new(ParseStatus.Refuse, reply, reason);

    /// <summary>Close the connection.</summary>
    public static ParseVerdict Drop(string reason) => new(ParseStatus.Drop, 0, reason);
}
