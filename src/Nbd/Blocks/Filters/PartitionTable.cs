using System.Buffers.Binary;

namespace Harness.Nbd;

/// <summary>
/// Finds a partition on a disk: GPT (UEFI specification, chapter 5) and, without it, MBR with logical partitions. Nothing that a table says is believed before
/// it is checked against the disk's size.
/// </summary>
/// <param name="read">Reads so many bytes at an offset that lies within the disk.</param>
/// <param name="size">Bytes of the disk.</param>
internal sealed class PartitionTable(Func<ulong, int, byte[]> read, ulong size)
{
    private const int MbrSectorBytes = 512;
    private const int MbrEntries = 446;
    private const int MbrEntryBytes = 16;
    private const int MaxLogical = 256;
    private const int GptHeaderLeastBytes = 92;
    private const uint MaxGptEntries = 4096;
    private const uint MaxGptEntryBytes = 4096;

    private static readonly byte[] s_extendedTypes = [0x05, 0x0f, 0x85];

    /// <summary>Its first byte and its bytes.</summary>
    /// <exception cref="BlockException">There is no table, it is damaged, or it has no such partition.</exception>
    public (ulong Start, ulong Size) Find(int number)
    {
        foreach (uint sectorBytes in (uint[])[512, 4096])
        {
            if (size >= 3 * sectorBytes && read(sectorBytes, (int)sectorBytes) is var header && header.AsSpan().StartsWith("EFI PART"u8))
            {
                return FindInGpt(header, sectorBytes, number);
            }
        }

        if (size < MbrSectorBytes || read(0, MbrSectorBytes) is not [.., 0x55, 0xaa] mbr)
        {
            throw new BlockException("there is neither a GPT nor an MBR partition table");
        }

        return number <= 4 ? Primary(mbr, number) : Logical(mbr, number);
    }

    private static (byte Type, ulong Start, ulong Count) Entry(byte[] sector, int index)
    {
        ReadOnlySpan<byte> entry = sector.AsSpan(MbrEntries + (index * MbrEntryBytes), MbrEntryBytes);
        return (entry[4], BinaryPrimitives.ReadUInt32LittleEndian(entry[8..]), BinaryPrimitives.ReadUInt32LittleEndian(entry[12..]));
    }

    private (ulong Start, ulong Size) Primary(byte[] mbr, int number)
    {
        (byte type, ulong start, ulong count) = Entry(mbr, number - 1);
        return type == 0 || count == 0 ? throw None(number, "MBR") : Checked(number, start, count, MbrSectorBytes);
    }

    /// <summary>Follows the chain of extended boot records: in each the first entry is a partition and the second leads to the next record.</summary>
    private (ulong Start, ulong Size) Logical(byte[] mbr, int number)
    {
        (byte Type, ulong Start, ulong Count) extended =
            Enumerable.Range(0, 4).Select(index => Entry(mbr, index)).FirstOrDefault(entry => s_extendedTypes.Contains(entry.Type));
        ulong record = extended.Start;
        for (int found = 5; extended.Type != 0 && found < 5 + MaxLogical; found++)
        {
            ulong at = record * MbrSectorBytes;
            if (at > size - MbrSectorBytes || read(at, MbrSectorBytes) is not [.., 0x55, 0xaa] sector)
            {
                throw new BlockException($"the extended boot record at sector {record} is damaged");
            }

            (byte type, ulong start, ulong count) = Entry(sector, 0);
            if (found == number && type != 0 && count != 0)
            {
                return Checked(number, record + start, count, MbrSectorBytes);
            }

            ulong next = Entry(sector, 1).Start;
            if (next == 0)
            {
                break;
            }

            if (extended.Start + next <= record)
            {
                throw new BlockException($"the extended boot record at sector {record} leads back to sector {extended.Start + next}");
            }

            record = extended.Start + next;
        }

        throw None(number, "MBR");
    }

    private (ulong Start, ulong Size) FindInGpt(byte[] header, uint sectorBytes, int number)
    {
        uint headerBytes = BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(12));
        ulong entriesAt = BinaryPrimitives.ReadUInt64LittleEndian(header.AsSpan(72));
        uint count = BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(80));
        uint entryBytes = BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(84));
        uint sum = BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(16));
        header.AsSpan(16, 4).Clear();
        bool good = headerBytes >= GptHeaderLeastBytes && headerBytes <= sectorBytes && Crc32(header.AsSpan(0, (int)headerBytes)) == sum
            && entryBytes is >= 128 and <= MaxGptEntryBytes && count <= MaxGptEntries
            && entriesAt < size / sectorBytes && (ulong)count * entryBytes <= size - (entriesAt * sectorBytes);
        if (!good)
        {
            throw new BlockException("the GPT header is damaged");
        }

        if (number > count)
        {
            throw None(number, "GPT");
        }

        byte[] entries = read(entriesAt * sectorBytes, (int)(count * entryBytes));
        if (Crc32(entries) != BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(88)))
        {
            throw new BlockException("the GPT's entries are damaged");
        }

        ReadOnlySpan<byte> entry = entries.AsSpan((int)((number - 1) * entryBytes), (int)entryBytes);
        if (!entry[..16].ContainsAnyExcept((byte)0))
        {
            throw None(number, "GPT");
        }

        ulong first = BinaryPrimitives.ReadUInt64LittleEndian(entry[32..]);
        ulong last = BinaryPrimitives.ReadUInt64LittleEndian(entry[40..]);
        return last >= first && last < ulong.MaxValue ? Checked(number, first, last - first + 1, sectorBytes) : throw Beyond(number);
    }

    private (ulong Start, ulong Size) Checked(int number, ulong firstSector, ulong sectors, uint sectorBytes)
    {
        ulong all = size / sectorBytes;
        return firstSector < all && sectors <= all - firstSector ? (firstSector * sectorBytes, sectors * sectorBytes) : throw Beyond(number);
    }

    private BlockException Beyond(int number) => new($"partition {number} does not lie within the disk's {size} bytes");

    private static BlockException None(int number, string table) => new($"there is no partition {number} in the {table} partition table");

    /// <summary>The CRC of IEEE 802.3, which the GPT has; a few kilobytes once per start need no table.</summary>
    private static uint Crc32(ReadOnlySpan<byte> data)
    {
        uint crc = uint.MaxValue;
        foreach (byte next in data)
        {
            crc ^= next;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc >> 1) ^ (0xEDB88320 & (uint)-(int)(crc & 1));
            }
        }

        return ~crc;
    }
}
