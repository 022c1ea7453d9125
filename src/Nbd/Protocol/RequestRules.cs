namespace Harness.Nbd;

/// <summary>
/// The one place that knows what a request may ask of an export: commands, flags, ranges, alignment and sizes, and how each fault is answered. NBD protocol,
/// "Request types", "Command flags", "Error values", "Block size constraints", and the extension "Extended headers". Immutable; any thread may call; checking
/// allocates nothing and never throws.
/// </summary>
public sealed class RequestRules
{
    private const NbdCommandFlags CompactFlags =
        NbdCommandFlags.Fua | NbdCommandFlags.NoHole | NbdCommandFlags.Df | NbdCommandFlags.ReqOne | NbdCommandFlags.FastZero;

    private readonly ulong _alignmentMask;
    private readonly bool _hasMetaContext;

    /// <summary>The rules of one export, for compact requests and simple replies.</summary>
    /// <param name="exportSize">Bytes of the export.</param>
    /// <param name="flags">What the export was announced with.</param>
    /// <param name="blockSize">What the export was announced with; a largest payload above 32 MiB counts as 32 MiB.</param>
    /// <exception cref="ArgumentException">The export is larger than 2^63 - 1 bytes, or the block sizes are not legal.</exception>
    public RequestRules(ulong exportSize, TransmissionFlags flags, BlockSizeConstraints blockSize)
    {
        if (exportSize > Limits.MaxExportBytes)
        {
            throw new ArgumentException($"an export has at most {Limits.MaxExportBytes} bytes, not {exportSize}", nameof(exportSize));
        }

        if (!blockSize.TryCheck(exportSize, out string error))
        {
            throw new ArgumentException(error, nameof(blockSize));
        }

        ExportSize = exportSize;
        Flags = flags;
        BlockSize = blockSize;
        MaxPayloadBytes = Math.Min(blockSize.MaximumPayload, Limits.MaxPayloadBytes);
        _alignmentMask = blockSize.Minimum - 1;
    }

    private RequestRules(RequestRules rules, ReplyForm form, bool hasMetaContext)
        : this(rules.ExportSize, form.Announce(rules.Flags), rules.BlockSize)
    {
        Form = form;
        _hasMetaContext = hasMetaContext;
    }

    /// <summary>Which headers the connection uses.</summary>
    public ReplyForm Form { get; }

    /// <summary>Bytes of the export.</summary>
    public ulong ExportSize { get; }

    /// <summary>What the export can do.</summary>
    public TransmissionFlags Flags { get; }

    /// <summary>Its block sizes.</summary>
    public BlockSizeConstraints BlockSize { get; }

    /// <summary>Bytes of data in a READ or WRITE at most.</summary>
    public uint MaxPayloadBytes { get; }

    /// <summary>The rules of the same export for a connection that has negotiated more.</summary>
    /// <param name="form">Which headers it uses.</param>
    /// <param name="hasMetaContext">Whether it has selected a metadata context, so that BLOCK_STATUS has something to tell.</param>
    public RequestRules For(ReplyForm form, bool hasMetaContext) => form == Form && hasMetaContext == _hasMetaContext ? this : new(this, form, hasMetaContext);

    /// <summary>
    /// Judges the payload of an extended BLOCK_STATUS that <see cref="Check"/> had served on account of its header, and then the range that the payload asks
    /// for.
    /// </summary>
    /// <param name="request">The request; it gets the length that is asked for, and loses PAYLOAD_LEN.</param>
    /// <param name="payload">Its payload, <see cref="BlockStatusPayload.Size"/> bytes, which have been consumed: nothing is to be skipped any more.</param>
    public RequestVerdict CheckStatusPayload(ref NbdRequest request, ReadOnlySpan<byte> payload)
    {
        BlockStatusPayload.Read(payload, out ulong effectLength, out uint contextId);
        request = request with { Length = effectLength, Flags = request.Flags & ~NbdCommandFlags.PayloadLen };
        return contextId == MetaContext.AllocationId
            ? Check(in request)
            : new RequestVerdict(RequestAction.Refuse, RequestFault.BadStatusPayload, NbdError.EINVAL, 0);
    }

    /// <summary>Judges a request by its header alone, before any of its data is received or any memory taken for it.</summary>
    public RequestVerdict Check(in NbdRequest request)
    {
        if (request.Command == NbdCommand.Disconnect)
        {
            // Its other fields are reserved, but a client that leaves is let go whatever they hold.
            return new RequestVerdict(RequestAction.Disconnect, RequestFault.None, NbdError.None, 0);
        }

        if (request.PayloadBytes > Limits.MaxSkippedPayloadBytes)
        {
            return new RequestVerdict(RequestAction.Drop, RequestFault.FarTooLarge, NbdError.EINVAL, 0);
        }

        RequestFault fault = Find(in request);
        if (fault != RequestFault.None)
        {
            return new RequestVerdict(RequestAction.Refuse, fault, ErrorFor(fault, request.Command), (uint)request.PayloadBytes);
        }

        bool nothingToDo = request.Length == 0 && request.Command != NbdCommand.Flush;
        return new RequestVerdict(nothingToDo ? RequestAction.Succeed : RequestAction.Serve, RequestFault.None, NbdError.None, 0);
    }

    /// <summary>For logs: what is wrong with the request, with the numbers; one line.</summary>
    public string Explain(RequestVerdict verdict, in NbdRequest request)
    {
        string what = $"{request.Command.Text()} of {request.Length} bytes at {request.Offset}";
        return verdict.Fault switch
        {
            RequestFault.None => $"{what} is fine",
            RequestFault.UnknownCommand => $"{request.Command.Text()} is not in the protocol",
            RequestFault.CommandNotOffered => $"{request.Command.Text()} was not offered for this export",
            RequestFault.NoMetaContext => "BLOCK_STATUS needs a metadata context, and none was selected",
            RequestFault.UnknownFlag => $"{request.Command.Text()} has flags 0x{(ushort)(request.Flags & ~KnownFlags):x4}, which are not known here",
            RequestFault.FlagOfOtherCommand => $"{request.Command.Text()} cannot have the flags 0x{(ushort)(request.Flags & ~LegalFlags(request.Command)):x4}",
            RequestFault.FlagNotOffered => $"{request.Command.Text()} has flags 0x{(ushort)(request.Flags & ~OfferedFlags()):x4}, which were not offered",
            RequestFault.ReadOnly => $"{what}, but the export is read-only",
            RequestFault.FlushWithRange => $"{what}: a FLUSH has neither offset nor length",
            RequestFault.OutOfRange => $"{what} does not lie within the export's {ExportSize} bytes",
            RequestFault.Unaligned => $"{what} is not a multiple of the minimum block size, {BlockSize.Minimum}",
            RequestFault.TooLarge => $"{what} is more than the largest payload, {MaxPayloadBytes}",
            RequestFault.NothingAsked => $"{what}: there is nothing to tell of no bytes",
            RequestFault.BadStatusPayload => $"{what} has a payload that is not a length and selected metadata contexts, each once",
            _ => $"{what} announces more data than the {Limits.MaxSkippedPayloadBytes} bytes that would be skipped; the connection is closed",
        };
    }

    private RequestFault Find(in NbdRequest request)
    {
        RequestFault fault = FindInCommand(request.Command);
        if (fault == RequestFault.None)
        {
            fault = FindInFlags(request.Command, request.Flags);
        }

        return fault == RequestFault.None ? FindInRange(in request) : fault;
    }

    private RequestFault FindInCommand(NbdCommand command)
    {
        // A write to a read-only export is EPERM even where the command was not offered: it says more.
        if (command is NbdCommand.Write or NbdCommand.Trim or NbdCommand.WriteZeroes && Has(TransmissionFlags.ReadOnly))
        {
            return RequestFault.ReadOnly;
        }

        return command switch
        {
            NbdCommand.Read or NbdCommand.Write => RequestFault.None,
            NbdCommand.Flush => Offered(TransmissionFlags.SendFlush),
            NbdCommand.Trim => Offered(TransmissionFlags.SendTrim),
            NbdCommand.Cache => Offered(TransmissionFlags.SendCache),
            NbdCommand.WriteZeroes => Offered(TransmissionFlags.SendWriteZeroes),
            NbdCommand.BlockStatus => _hasMetaContext ? RequestFault.None : RequestFault.NoMetaContext,
            NbdCommand.Resize => RequestFault.CommandNotOffered,
            _ => RequestFault.UnknownCommand,
        };
    }

    private RequestFault FindInFlags(NbdCommand command, NbdCommandFlags flags)
    {
        if (flags == NbdCommandFlags.None)
        {
            return RequestFault.None;
        }

        if ((flags & ~KnownFlags) != 0)
        {
            return RequestFault.UnknownFlag;
        }

        if ((flags & ~LegalFlags(command)) != 0)
        {
            return RequestFault.FlagOfOtherCommand;
        }

        return (flags & ~OfferedFlags()) != 0 ? RequestFault.FlagNotOffered : RequestFault.None;
    }

    private RequestFault FindInRange(in NbdRequest request)
    {
        if (request.Command == NbdCommand.Flush)
        {
            return (request.Offset | request.Length) != 0 ? RequestFault.FlushWithRange : RequestFault.None;
        }

        if (request.Command == NbdCommand.BlockStatus && request.PayloadBytes > 0)
        {
            // The length is that of the payload, which has the range's.
            return request.PayloadBytes == BlockStatusPayload.Size ? RequestFault.None : RequestFault.BadStatusPayload;
        }

        // The sum of offset and length may wrap, so it is never formed.
        if (request.Offset > ExportSize || request.Length > ExportSize - request.Offset)
        {
            return RequestFault.OutOfRange;
        }

        if (request.Length == 0)
        {
            return request.Command == NbdCommand.BlockStatus ? RequestFault.NothingAsked : RequestFault.None;
        }

        if (((request.Offset | request.Length) & _alignmentMask) != 0)
        {
            return RequestFault.Unaligned;
        }

        bool hasPayload = request.Command is NbdCommand.Read or NbdCommand.Write;
        return hasPayload && request.Length > MaxPayloadBytes ? RequestFault.TooLarge : RequestFault.None;
    }

    // PAYLOAD_LEN exists only with extended headers.
    private NbdCommandFlags KnownFlags => Form == ReplyForm.Extended ? CompactFlags | NbdCommandFlags.PayloadLen : CompactFlags;

    private RequestFault Offered(TransmissionFlags flag) => Has(flag) ? RequestFault.None : RequestFault.CommandNotOffered;

    private bool Has(TransmissionFlags flag) => (Flags & flag) != 0;

    /// <summary>FUA is legal everywhere: a server that offers it must accept it on every command, also where it means nothing.</summary>
    private static NbdCommandFlags LegalFlags(NbdCommand command) => NbdCommandFlags.Fua | command switch
    {
        NbdCommand.Read => NbdCommandFlags.Df,
        NbdCommand.WriteZeroes => NbdCommandFlags.NoHole | NbdCommandFlags.FastZero,
        NbdCommand.Write => NbdCommandFlags.PayloadLen,
        NbdCommand.BlockStatus => NbdCommandFlags.ReqOne | NbdCommandFlags.PayloadLen,
        _ => NbdCommandFlags.None,
    };

    private NbdCommandFlags OfferedFlags()
    {
        NbdCommandFlags offered = NbdCommandFlags.NoHole | NbdCommandFlags.ReqOne;
        offered |= Form == ReplyForm.Extended ? NbdCommandFlags.PayloadLen : 0;
        offered |= Has(TransmissionFlags.SendFua) ? NbdCommandFlags.Fua : 0;
        offered |= Has(TransmissionFlags.SendDf) ? NbdCommandFlags.Df : 0;
        return offered | (Has(TransmissionFlags.SendFastZero) ? NbdCommandFlags.FastZero : 0);
    }

    private static NbdError ErrorFor(RequestFault fault, NbdCommand command) => fault switch
    {
        RequestFault.ReadOnly => NbdError.EPERM,
        RequestFault.OutOfRange when command is NbdCommand.Write or NbdCommand.WriteZeroes => NbdError.ENOSPC,
        RequestFault.TooLarge when command == NbdCommand.Read => NbdError.EOVERFLOW,
        _ => NbdError.EINVAL,
    };
}
