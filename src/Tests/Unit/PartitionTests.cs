using Harness.Nbd;

namespace Harness.Tests;

/// <summary>Partition tables made by hand, good ones and hostile ones.</summary>
public sealed class PartitionTests : IDisposable
{
    private readonly TempDir _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_primary_partition_is_found()
    {
        byte[] disk = PartitionImages.Mbr(1 << 20, start: 64, sectors: 128);
        disk[64 * 512] = 77;
        using var world = new BlockWorld(Make(disk, 1), "epoll");
        Assert.Equal(128ul * 512, world.Graph.Size);
        Assert.Equal([77, 0], world.Read(0, 2));
    }

    [Fact]
    public void Logical_partitions_begin_at_5()
    {
        byte[] disk = PartitionImages.Logical(start: 100, sectors: 50);
        using IBlock first = Make(disk, 5);
        using IBlock second = Make(disk, 6);
        Assert.Equal((50ul * 512, 60ul * 512), (first.Size, second.Size));
        Assert.Contains("there is no partition 7 in the MBR", Refusal(disk, 7), StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_not_there_or_not_true_is_one_line()
    {
        Assert.Contains("neither a GPT nor an MBR", Refusal(new byte[4096], 1), StringComparison.Ordinal);
        Assert.Contains("neither a GPT nor an MBR", Refusal(new byte[100], 1), StringComparison.Ordinal);
        byte[] disk = PartitionImages.Mbr(1 << 20, start: 64, sectors: 128);
        Assert.Contains("there is no partition 2 in the MBR", Refusal(disk, 2), StringComparison.Ordinal);
        Assert.Contains("there is no partition 5 in the MBR", Refusal(disk, 5), StringComparison.Ordinal);
        Assert.Contains("does not lie within", Refusal(PartitionImages.Mbr(1 << 20, start: 64, sectors: 2000), 1), StringComparison.Ordinal);
        byte[] huge = PartitionImages.Mbr(1 << 20, start: uint.MaxValue, sectors: uint.MaxValue);
        Assert.Contains("does not lie within", Refusal(huge, 1), StringComparison.Ordinal);
        byte[] far = PartitionImages.Mbr(1 << 20, start: uint.MaxValue, sectors: 1, type: 5);
        Assert.Contains("record at sector 4294967295 is damaged", Refusal(far, 5), StringComparison.Ordinal);
    }

    [Fact]
    public void A_chain_of_records_that_leads_back_ends()
    {
        byte[] disk = PartitionImages.Logical(start: 100, sectors: 50, third: 60);
        Assert.Contains("leads back", Refusal(disk, 7), StringComparison.Ordinal);
    }

    [Fact]
    public void A_damaged_GPT_is_not_believed()
    {
        byte[] disk = PartitionImages.Mbr(1 << 20, start: 1, sectors: 100, type: 0xee);
        "EFI PART"u8.CopyTo(disk.AsSpan(512));
        Assert.Contains("the GPT header is damaged", Refusal(disk, 1), StringComparison.Ordinal);
    }

    [Fact]
    public void A_store_that_cannot_be_read_is_named()
    {
        string message = Assert.Throws<BlockException>(() => BlockChain.Parse("partition:number=1/error/memory:1M")).Message;
        Assert.StartsWith("'partition': reading 512 bytes at 512 of error/memory:1M failed: EIO", message, StringComparison.Ordinal);
    }

    private IBlock Make(byte[] disk, int number)
    {
        string file = _folder.File("disk");
        File.WriteAllBytes(file, disk);
        return BlockChain.Parse($"partition:number={number}/file:{file}");
    }

    private string Refusal(byte[] disk, int number)
    {
        var thrown = Assert.Throws<BlockException>(() => Make(disk, number));
        Assert.False(thrown.IsUsage);
        return thrown.Message;
    }
}
