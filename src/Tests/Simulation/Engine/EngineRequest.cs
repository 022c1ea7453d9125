using Harness.Nbd;

namespace Harness.Tests;

/// <summary>A request of a program, with what the model expects of its answer.</summary>
internal sealed class EngineRequest
{
    public required ulong Cookie { get; init; }

    public required NbdCommand Command { get; init; }

    public NbdCommandFlags Flags { get; init; }

    public ulong Offset { get; init; }

    public ulong Length { get; init; }

    /// <summary>Of a WRITE.</summary>
    public byte[] Data { get; init; } = [];

    /// <summary>The error that the protocol demands; 0 where the request is good and the store decides.</summary>
    public uint Refusal { get; init; }

    /// <summary>Of a READ or a BLOCK_STATUS: what each unit of its range may hold.</summary>
    public HashSet<ulong>[] Readable { get; init; } = [];

    /// <summary>Of a FLUSH: what had ended when it was sent.</summary>
    public int[] Ended { get; init; } = [];

    /// <summary>Whether it is a change that the model follows.</summary>
    public bool IsChange => Refusal == 0 && Length > 0 && Command is NbdCommand.Write or NbdCommand.Trim or NbdCommand.WriteZeroes;

    public bool IsRead => Command == NbdCommand.Read;

    public bool IsStatus => Command == NbdCommand.BlockStatus;

    /// <summary>Whether its answer tells of the disk.</summary>
    public bool Looks => (IsRead || IsStatus) && Refusal == 0;

    public int FirstUnit => (int)Offset / EngineSetup.UnitBytes;

    public int UnitCount => Length == 0 ? 0 : (((int)Offset + (int)Length - 1) / EngineSetup.UnitBytes) - FirstUnit + 1;

    public byte[] OnTheWire(ReplyForm form)
    {
        bool extended = form == ReplyForm.Extended;
        ushort flags = (ushort)(Flags | (extended && Command == NbdCommand.Write ? NbdCommandFlags.PayloadLen : 0));
        byte[] header = extended
            ? Wire.ExtendedRequest(Command, Cookie, Offset, Length, flags)
            : Wire.Request(Command, Cookie, Offset, (uint)Length, flags);
        return [.. header, .. Data];
    }

    public override string ToString() => $"{Command} {Cookie} of {Length} at {Offset}{(Flags == 0 ? string.Empty : $" {Flags}")}{(Refusal == 0 ? string.Empty : " (bad)")}";
}
