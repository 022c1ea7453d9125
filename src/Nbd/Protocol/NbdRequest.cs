namespace Harness.Nbd;

/// <summary>One request of the transmission phase, whichever form it has on the wire. NBD protocol, "Request message".</summary>
/// <param name="Flags">Command flags, known or not.</param>
/// <param name="Command">The command, known or not.</param>
/// <param name="Cookie">The client's number for the request; opaque to a server, which returns it in the reply.</param>
/// <param name="Offset">First byte of the range.</param>
/// <param name="Length">Bytes of the range. 64 bits here, although a compact request carries 32, so that no sum of it can wrap in 32.</param>
public readonly record struct NbdRequest(NbdCommandFlags Flags, NbdCommand Command, ulong Cookie, ulong Offset, ulong Length)
{
    /// <summary>True where it came with an extended header, in which PAYLOAD_LEN says that data follows.</summary>
    public bool IsExtended { get; init; }

    /// <summary>Bytes of data that follow the header: those of a WRITE and, after an extended one, what PAYLOAD_LEN announces.</summary>
    /// <remarks>
    /// The protocol has PAYLOAD_LEN on every extended WRITE. The clients of QEMU (10.0, seen) leave it out and send the data, so the data of a WRITE is
    /// expected either way: to take them for the next request would end the connection of every such client with its first write.
    /// </remarks>
    public ulong PayloadBytes => Command == NbdCommand.Write || (IsExtended && (Flags & NbdCommandFlags.PayloadLen) != 0) ? Length : 0;
}
