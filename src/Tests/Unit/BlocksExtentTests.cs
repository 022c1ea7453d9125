using Harness.Nbd;

namespace Harness.Tests;

/// <summary>What stores say of data, holes and zeroes, and the map behind it.</summary>
public sealed class BlocksExtentTests : IDisposable
{
    private const ExtentState Hole = ExtentState.Hole | ExtentState.Zero;

    private readonly TempDir _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_map_agrees_with_a_model()
    {
        const int Pieces = 1000;
        const int Bytes = (Pieces * 16) - 5;
        using var map = new AllocationMap(Bytes, 16);
        bool[] model = new bool[Pieces];
        var random = new Random(9);
        for (int i = 0; i < TestScale.Pick(3000, 100_000); i++)
        {
            int offset = random.Next(Bytes);
            int length = 1 + random.Next(Math.Min(Bytes - offset, random.Next(3) == 0 ? Bytes : 100));
            int end = offset + length;
            if (random.Next(2) == 0)
            {
                map.Set((ulong)offset, (ulong)length);
                model.AsSpan((offset / 16)..((end + 15) / 16)).Fill(true);
            }
            else
            {
                map.ClearWithin((ulong)offset, (ulong)length);
                int first = (offset + 15) / 16;
                int last = end == Bytes ? Pieces : end / 16;
                model.AsSpan(first, Math.Max(0, last - first)).Clear();
            }

            int at = random.Next(Bytes);
            int most = 1 + random.Next(Bytes - at);
            ulong run = map.RunAt((ulong)at, (ulong)most, out bool isSet);
            int expected = Enumerable.Range(at, most).TakeWhile(place => model[place / 16] == model[at / 16]).Count();
            Assert.Equal((model[at / 16], (ulong)expected), (isSet, run));
        }
    }

    [Fact]
    public void A_map_of_an_exbibyte_has_larger_pieces()
    {
        using var map = new AllocationMap(1ul << 60, 4096);
        Assert.True(map.PieceBytes > 4096);
        map.Set((1ul << 60) - 1, 1);
        Assert.True(map.IsSet((1ul << 60) - 1));
        Assert.Equal(1000ul, map.RunAt(5, 1000, out bool isSet));
        Assert.False(isSet);
    }

    [Fact]
    public void Memory_knows_what_was_written_and_what_was_given_back()
    {
        using var world = new BlockWorld(BlockChain.Parse("memory:1M"));
        Assert.Equal(new BlockExtent(1 << 20, Hole), world.ExtentAt(0, 1 << 20));
        world.Write(8191, new byte[2]);
        Assert.Equal([(4096ul, Hole), (8192ul, ExtentState.Data), ((1 << 20) - 12288ul, Hole)], Map(world));
        Assert.Equal(new BlockExtent(100, ExtentState.Data), world.ExtentAt(8000, 100));
        world.Do(NbdCommand.Trim, 8192, 4096);
        Assert.Equal([(4096ul, Hole), (4096ul, ExtentState.Data), ((1 << 20) - 8192ul, Hole)], Map(world));
        world.Do(NbdCommand.WriteZeroes, 0, 1 << 20);
        Assert.Equal([(1ul << 20, Hole)], Map(world));
    }

    [SkippableFact]
    public void A_file_knows_its_holes()
    {
        string file = _folder.File("disk");
        using (FileStream disk = File.Create(file))
        {
            disk.SetLength(4 << 20);
            disk.Position = 1 << 20;
            disk.Write(Wire.Data(1, 65536));
        }

        using var world = new BlockWorld(BlockChain.Parse($"file:{file}"), "epoll");
        Skip.If(world.ExtentAt(0, 4096).State == ExtentState.Data, "the file system of the temporary folder tells of no holes");
        Assert.Equal([(1ul << 20, Hole), (65536ul, ExtentState.Data), ((3ul << 20) - 65536, Hole)], Map(world));
        Assert.Equal(new BlockExtent(10, ExtentState.Data), world.ExtentAt((1 << 20) + 5, 10));
    }

    [Fact]
    public void Filters_show_what_lies_behind_them_at_its_place()
    {
        using var world = new BlockWorld(BlockChain.Parse("cow/offset:offset=8k/memory:1M"));
        Assert.Equal([((1ul << 20) - 8192, Hole)], Map(world));
        world.Write(4096, [1]);
        Assert.Equal([(4096ul, Hole), (4096ul, ExtentState.Data), ((1ul << 20) - 16384, Hole)], Map(world));
        using var pattern = new BlockWorld(BlockChain.Parse("stats/pattern:1M"));
        Assert.Equal([(1ul << 20, ExtentState.Data)], Map(pattern));
        using var nothing = new BlockWorld(BlockChain.Parse("delay:read=1s/null:1M"));
        Assert.Equal([(1ul << 20, Hole)], Map(nothing));
    }

    private static List<(ulong Length, ExtentState State)> Map(BlockWorld world)
    {
        BlockExtent[] status = world.Status(0, (long)world.Graph.Size);
        Assert.Equal(world.Graph.Size, status.Aggregate(0ul, (sum, extent) => sum + extent.Length));
        return [.. status.Select(extent => (extent.Length, extent.State))];
    }
}
