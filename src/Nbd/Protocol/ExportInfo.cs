namespace Harness.Nbd;

/// <summary>What a client knows of an export when it enters it. Immutable; any thread may read it.</summary>
public sealed record ExportInfo
{
    /// <summary>Bytes, at most 2^63 - 1.</summary>
    public required ulong Size { get; init; }

    /// <summary>What the export can do.</summary>
    public required TransmissionFlags Flags { get; init; }

    /// <summary>What the server announced, or the protocol's defaults where it did not.</summary>
    public BlockSizeConstraints BlockSize { get; init; } = BlockSizeConstraints.Default;

    /// <summary>The canonical name, or null where the server sent none.</summary>
    public string? Name { get; init; }

    /// <summary>The text for people, or null where the server sent none.</summary>
    public string? Description { get; init; }

    /// <summary>
    /// What no client can work with: a size that looks negative to signed code (CVE-2023-5215), or flags without HAS_FLAGS, of which no bit means anything.
    /// </summary>
    internal static ParseVerdict CheckSizeAndFlags(ulong size, TransmissionFlags flags)
    {
        if (size > Limits.MaxExportBytes)
        {
            return ParseVerdict.Drop($"the server says that the export has {size} bytes; the most is {Limits.MaxExportBytes} (2^63 - 1)");
        }

        return (flags & TransmissionFlags.HasFlags) == 0 ? ParseVerdict.Drop($"the export's flags 0x{(ushort)flags:x4} lack HAS_FLAGS") : ParseVerdict.Ok;
    }
}

/// <summary>Gathers the INFO replies of one INFO or GO into an <see cref="ExportInfo"/>. One thread at a time.</summary>
public sealed class ExportInfoBuilder
{
    private ExportInfo? _export;
    private BlockSizeConstraints _blockSize = BlockSizeConstraints.Default;
    private string? _name;
    private string? _description;

    /// <summary>Takes the whole data of one INFO reply; of the same fact told twice, the last counts. Anything wrong ends the connection.</summary>
    public ParseVerdict Take(ReadOnlySpan<byte> data)
    {
        ParseVerdict verdict = InfoReply.Parse(data, out InfoReply info);
        if (!verdict.IsOk)
        {
            return verdict;
        }

        switch (info.Type)
        {
            case InfoType.Export:
                _export = new ExportInfo { Size = info.ExportSize, Flags = info.Flags };
                break;
            case InfoType.Name:
                _name = info.Text;
                break;
            case InfoType.Description:
                _description = info.Text;
                break;
            case InfoType.BlockSize:
                _blockSize = info.BlockSize;
                break;
            default:
                // The protocol asks clients to ignore facts that they do not know.
                break;
        }

        return verdict;
    }

    /// <summary>
    /// At the ACK: everything that was told. Ends the connection where EXPORT was not among it, or where the block sizes do not fit the export.
    /// </summary>
    public ParseVerdict Finish(out ExportInfo? export)
    {
        export = null;
        if (_export is null)
        {
            return ParseVerdict.Drop("the server acknowledged the export without telling its size");
        }

        if (!_blockSize.TryCheck(_export.Size, out string error))
        {
            return ParseVerdict.Drop($"the server's block sizes are not legal: {error}");
        }

        export = _export with { BlockSize = _blockSize, Name = _name, Description = _description };
        return ParseVerdict.Ok;
    }
}
