using Harness.Io;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>A file past the page cache, and CACHE.</summary>
public sealed class FileStoreTests : IDisposable
{
    private readonly TempDir _folder = new();

    public static TheoryData<string> Backends => [.. LoopBackends.All];

    public void Dispose() => _folder.Dispose();

    [SkippableTheory]
    [MemberData(nameof(Backends))]
    public void Cache_asks_for_a_part_or_for_more_than_one_call_takes(string backend)
    {
        string file = Disk(5L << 30);
        using var world = new BlockWorld(BlockChain.Parse($"file:{file}"), backend);
        Assert.True((world.Graph.TransmissionFlags & TransmissionFlags.SendCache) != 0);
        Assert.Equal(0, world.Do(NbdCommand.Cache, 4096, 100));
        Assert.Equal(0, world.Do(NbdCommand.Cache, 0, 5L << 30));
        world.AssertNothingLeft();
    }

    [SkippableTheory]
    [MemberData(nameof(Backends))]
    public void Whatever_part_of_a_read_the_page_cache_has_all_of_it_is_read(string backend)
    {
        byte[] data = Wire.Data(5, 100_000);
        string path = _folder.File("disk");
        File.WriteAllBytes(path, data);
        var random = new Random(7);
        int cached = 0;
        var store = new FileStore(path, readOnly: true)
        {
            MakeFile = (fd, _) => new RegularFile(fd, isInMemory: false, (into, offset) =>
            {
                // Half of the time nothing is there, else a part, and now and then all.
                int length = random.Next(2) == 0 ? 0 : Math.Min(into.Length, 1 + random.Next(5000));
                data.AsSpan((int)offset, length).CopyTo(into.Span);
                cached += length;
                return length == 0 ? -11 : length;
            }),
        };
        using var world = new BlockWorld(store, backend);
        for (int i = 0; i < 200; i++)
        {
            int offset = random.Next(data.Length);
            int length = 1 + random.Next(Math.Min(20_000, data.Length - offset));
            Assert.True(world.Read(offset, length).AsSpan().SequenceEqual(data.AsSpan(offset, length)), $"read {i}");
        }

        Assert.True(backend == "uring" ? cached == 0 : cached > 0);
        world.AssertNothingLeft();
    }

    [SkippableTheory]
    [MemberData(nameof(Backends))]
    public void Past_the_page_cache_only_whole_blocks_are_taken_and_data_at_any_address(string backend)
    {
        using var world = new BlockWorld(Direct(Disk(1 << 20)), backend);
        uint block = world.Graph.Constraints.Minimum;
        Assert.InRange(block, 2u, 65536u);
        Assert.Equal(22, world.Do(NbdCommand.Read, 0, block - 1));
        Assert.Equal(22, world.Do(NbdCommand.Read, 1, block));
        byte[] data = Wire.Data(3, (int)block * 3);
        Assert.Equal(0, world.Write(block, data));
        Assert.Equal(data, world.Read(block, data.Length));
        Assert.Equal(0, world.Do(NbdCommand.WriteZeroes, 2 * block, block, NbdCommandFlags.NoHole));
        Assert.Equal([.. data[..(int)block], .. new byte[block], .. data[(int)(2 * block)..]], world.Read(block, data.Length));
        Assert.True((world.Graph.TransmissionFlags & TransmissionFlags.SendCache) == 0);
        world.AssertNothingLeft();

        using var memory = new NativeBuffer((int)block + 7);
        memory.Slice(7, (int)block).Span.Fill(0x5a);
        var owner = new OddOwner();
        BlockRequest request = world.Home.Rent(owner);
        (request.Command, request.Flags, request.Offset, request.Length, request.Payload) = (NbdCommand.Write, 0, 0, block, memory.Slice(7, (int)block));
        world.Graph.Start(request);
        while (owner.Error < 0)
        {
            world.Loop.RunOnce();
        }

        Assert.Equal(0, owner.Error);
        Assert.Equal([.. Enumerable.Repeat((byte)0x5a, (int)block)], world.Read(0, block));
    }

    [SkippableFact]
    public void A_size_that_is_no_multiple_is_refused()
    {
        Direct(Disk(1 << 20)).Dispose();
        var thrown = Assert.Throws<BlockException>(() => BlockChain.Parse($"file-direct:{Disk((1 << 20) + 1)}"));
        Assert.Contains("which is no multiple of the ", thrown.Message, StringComparison.Ordinal);
        Assert.Contains("serve it with file:", thrown.Message, StringComparison.Ordinal);
    }

    private static IBlock Direct(string file)
    {
        try
        {
            return BlockChain.Parse($"file-direct:{file}");
        }
        catch (BlockException e)
        {
            throw new SkipException(e.Message);
        }
    }

    private string Disk(long bytes)
    {
        string path = _folder.File("disk");
        using FileStream file = File.Create(path);
        file.SetLength(bytes);
        return path;
    }

    private sealed class OddOwner : IBlockRequestOwner
    {
        public int Error { get; private set; } = -1;

        public void OnRequestCompleted(BlockRequest request)
        {
            Error = request.Error;
            request.Release();
        }
    }
}
