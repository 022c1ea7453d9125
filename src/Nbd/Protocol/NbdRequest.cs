namespace Harness.Nbd;

/// <summary>One request of the transmission phase, whichever form it has on the wire. NBD protocol, "Request message".</summary>
/// <param name="Flags">Command flags, known or not.</param>
/// <param name="Command">The command, known or not.</param>
/// <param name="Cookie">The client's number for the request; opaque to a server, which returns it in the reply.</param>
/// <param name="Offset">First byte of the range.</param>
/// <param name="Length">Bytes of the range. 64 bits here, although a compact request carries 32, so that no sum of it can wrap in 32.</param>
public readonly record struct NbdRequest(NbdCommandFlags Flags, NbdCommand Command, ulong Cookie, ulong Offset, ulong Length)
{
    /// <summary>True where it came with an extended header, in which PAYLOAD_LEN says whether data follows.</summary>
    public bool IsExtended { get; init; }

    /// <summary>Bytes of data that follow the header: after a compact one those of a WRITE, after an extended one what PAYLOAD_LEN announces.</summary>
    public ulong PayloadBytes => (IsExtended ? (Flags & NbdCommandFlags.PayloadLen) != 0 : Command == NbdCommand.Write) ? Length : 0;
}
