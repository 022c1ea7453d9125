using System.Buffers.Binary;

namespace Harness.Tests;

/// <summary>Disks with partition tables, made by hand; nbdkit's own are judged elsewhere.</summary>
internal static class PartitionImages
{
    /// <summary>An MBR with its first partition.</summary>
    public static byte[] Mbr(int diskBytes, uint start, uint sectors, byte type = 0x83)
    {
        byte[] disk = new byte[diskBytes];
        Entry(disk, 0, type, start, sectors);
        Sign(disk, 0);
        return disk;
    }

    /// <summary>An MBR whose logical partitions, 5 and 6, follow one another in an extended one; the first has so many sectors.</summary>
    /// <param name="start">Where the extended partition begins.</param>
    /// <param name="sectors">Sectors of partition 5.</param>
    /// <param name="third">Where the record of partition 6 says that the next record is, from the extended partition's start; 0 for none.</param>
    public static byte[] Logical(uint start, uint sectors, uint third = 0)
    {
        uint second = sectors + 10;
        byte[] disk = Mbr((int)(start + second + 100) * 512, start, second + 100, type: 0x05);
        Span<byte> first = disk.AsSpan((int)start * 512);
        Entry(first, 0, 0x83, 1, sectors);
        Entry(first, 1, 0x05, second, 80);
        Sign(disk, (int)start);
        Span<byte> other = disk.AsSpan((int)(start + second) * 512);
        Entry(other, 0, 0x83, 2, 60);
        Entry(other, 1, third == 0 ? (byte)0 : (byte)0x05, third, third == 0 ? 0u : 10u);
        Sign(disk, (int)(start + second));
        return disk;
    }

    private static void Entry(Span<byte> sector, int index, byte type, uint start, uint sectors)
    {
        Span<byte> entry = sector.Slice(446 + (index * 16), 16);
        entry[4] = type;
        BinaryPrimitives.WriteUInt32LittleEndian(entry[8..], start);
        BinaryPrimitives.WriteUInt32LittleEndian(entry[12..], sectors);
    }

    private static void Sign(byte[] disk, int sector)
    {
        disk[(sector * 512) + 510] = 0x55;
        disk[(sector * 512) + 511] = 0xaa;
    }
}
