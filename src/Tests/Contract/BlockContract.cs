using Harness.Io;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>
/// What every store and every filter owes its clients: what was written is read back, whatever the alignment and wherever the end; zeroes are zeroes, hints
/// harm nobody, the map of what lies where is true, and nothing is left in use.
/// </summary>
public sealed class BlockContract : IDisposable
{
    private const int DiskBytes = 1 << 20;

    private readonly TempDir _folder = new();
    private UpstreamServer? _upstream;

    public static TheoryData<string, string> Chains()
    {
        // Where a store is asked by the loop's own operations, a real backend has to do them; everything else runs in simulated time.
        var cases = new TheoryData<string, string>
        {
            { "memory:1M", "" },
            { "delay:read=100us,write=200us,flush=50us,trim=10us/memory:1M", "" },
            { "throttle:rate=1G,requests=10000,burst=1ms/memory:1M", "" },
            { "error:rate=0/memory:1M", "" },
            { "stats/memory:1M", "" },
            { "log:file=LOG/memory:1M", "" },
            { "blocksize/memory:1M", "" },
            { "blocksize:minimum=512/memory:1M", "" },
            { "blocksize:minimum=4k,maximum=16k/memory:1M", "" },
            { "blocksize:minimum=64k,maximum=64k/delay:read=10us,write=10us/memory:1M", "" },
            { "cow/memory:1M", "" },
            { "cow/delay:read=10us/memory:1M", "" },
            { "cow/pattern:1M", "" },
            { "offset:offset=12345,length=1M/memory:2M", "" },
            { "partition:number=5/MBR", "epoll" },
            { "cow/blocksize:minimum=512,maximum=64k/UPSTREAM", "epoll" },
            { "blocksize:minimum=512,maximum=4k/cow/offset:offset=512/stats/memory:1049088", "" },
        };
        cases.Add("EXT2:blocksize:minimum=512/file:", "epoll");
        cases.Add("PLAIN", "epoll");
        cases.Add("PLAIN", "uring");
        foreach (string backend in LoopBackends.All)
        {
            cases.Add("FILE", backend);
            cases.Add("EXT2:", backend);
            cases.Add("cow/FILE", backend);
            cases.Add("blocksize/DIRECT-FILE", backend);
            cases.Add("UPSTREAM", backend);
            cases.Add("blocksize:minimum=4k,maximum=64k/FILE", backend);
            cases.Add("stats/log:file=LOG/delay:read=1us,write=1us/FILE", backend);
        }

        return cases;
    }

    public void Dispose()
    {
        _upstream?.Dispose();
        _folder.Dispose();
    }

    [SkippableTheory]
    [MemberData(nameof(Chains))]
    public void Random_requests_agree_with_a_model(string chain, string backend)
    {
        using BlockWorld world = Make(chain, backend);
        byte[] model = world.Read(0, DiskBytes);
        var random = new Random(7);
        for (int i = 0; i < TestScale.Pick(80, 5000); i++)
        {
            int offset = random.Next(DiskBytes);
            int length = 1 + random.Next(Math.Min(DiskBytes - offset, random.Next(10) == 0 ? 300_000 : 10_000));
            world.WantsHoles = i % 2 == 0;
            Step(world, model, random.Next(4), offset, length, i);
        }

        Assert.True(model.AsSpan().SequenceEqual(world.Read(0, DiskBytes)));
        world.AssertNothingLeft(_upstream is null ? 0 : 1);
    }

    /// <summary>Requests of one batch do not overlap, but they share blocks: a filter that reads a block, alters it and writes it back may lose none.</summary>
    [SkippableTheory]
    [MemberData(nameof(Chains))]
    public void Neighbours_in_flight_at_once_do_not_disturb_each_other(string chain, string backend)
    {
        using BlockWorld world = Make(chain, backend);
        byte[] model = world.Read(0, DiskBytes);
        var random = new Random(11);
        for (int batch = 0; batch < TestScale.Pick(10, 300); batch++)
        {
            var answers = new List<BlockWorld.Answer>();
            int at = random.Next(3000);
            for (int i = 0; i < 24; i++)
            {
                int length = 1 + random.Next(3000);
                byte[] data = Wire.Data((batch * 100) + i, length);
                bool zeroes = random.Next(4) == 0;
                answers.Add(zeroes ? world.Start(NbdCommand.WriteZeroes, at, length) : world.StartWrite(at, data));
                (zeroes ? new byte[length] : data).CopyTo(model, at);
                at += length + (random.Next(3) == 0 ? random.Next(2000) : 0);
            }

            Assert.All(answers, answer => Assert.Equal(0, world.Finish(answer).Error));
            Assert.True(model.AsSpan(0, at).SequenceEqual(world.Read(0, at)), $"batch {batch}");
        }

        world.AssertNothingLeft(_upstream is null ? 0 : 1);
    }

    [SkippableTheory]
    [MemberData(nameof(Chains))]
    public void The_ends_of_the_disk_are_bytes_like_others(string chain, string backend)
    {
        using BlockWorld world = Make(chain, backend);
        Assert.Equal((ulong)DiskBytes, world.Graph.Size);
        Assert.Equal(0, world.Write(0, [1]));
        Assert.Equal(0, world.Write(DiskBytes - 1, [2], NbdCommandFlags.Fua));
        Assert.Equal([1], world.Read(0, 1));
        Assert.Equal([2], world.Read(DiskBytes - 1, 1));
        Assert.Equal(22, world.Do(NbdCommand.Read, DiskBytes, 1));
        Assert.Equal(28, world.Finish(world.StartWrite(DiskBytes - 1, new byte[2])).Error);
        Assert.Equal([2], world.Read(DiskBytes - 1, 1));
        byte[] all = Wire.Data(3, DiskBytes);
        Assert.Equal(0, world.Write(0, all));
        Assert.Equal(all, world.Read(0, DiskBytes));
        Assert.Equal(0, world.Do(NbdCommand.WriteZeroes, 0, DiskBytes, NbdCommandFlags.FastZero));
        Assert.Equal(new byte[DiskBytes], world.Read(0, DiskBytes));
        world.AssertNothingLeft(_upstream is null ? 0 : 1);
    }

    [SkippableTheory]
    [MemberData(nameof(Chains))]
    public void Nothing_to_do_is_done_at_the_gate(string chain, string backend)
    {
        using BlockWorld world = Make(chain, backend);
        foreach (NbdCommand command in (NbdCommand[])[NbdCommand.Read, NbdCommand.Write, NbdCommand.Trim, NbdCommand.WriteZeroes])
        {
            // Done before the start returns: no block was asked, or those that wait would still.
            Assert.True(world.Start(command, 4096, 0, data: null).IsDone);
        }

        world.AssertNothingLeft(_upstream is null ? 0 : 1);
    }

    [SkippableTheory]
    [MemberData(nameof(Chains))]
    public void A_trim_harms_no_neighbour_and_a_flush_answers(string chain, string backend)
    {
        using BlockWorld world = Make(chain, backend);
        byte[] data = Wire.Data(1, 100_000);
        Assert.Equal(0, world.Write(5000, data));
        Assert.Equal(0, world.Do(NbdCommand.Trim, 9001, 70_000, NbdCommandFlags.Fua));
        Assert.Equal(0, world.Do(NbdCommand.Flush, 0, 0));
        Assert.Equal(data[..4001], world.Read(5000, 4001));
        Assert.Equal(data[74_001..], world.Read(79_001, 25_999));
        world.AssertNothingLeft(_upstream is null ? 0 : 1);
    }

    [SkippableTheory]
    [MemberData(nameof(Chains))]
    public void The_map_covers_the_disk_and_what_it_calls_zero_is(string chain, string backend)
    {
        using BlockWorld world = Make(chain, backend);
        world.Do(NbdCommand.WriteZeroes, 0, DiskBytes);
        world.Write(70_000, Wire.Data(1, 10_000));
        world.Write(500_000, Wire.Data(2, 1));
        world.Do(NbdCommand.Trim, 72_000, 5000);
        byte[] all = world.Read(0, DiskBytes);
        ulong at = 0;
        foreach (BlockExtent extent in world.Status(0, DiskBytes))
        {
            Assert.InRange(extent.Length, 1ul, DiskBytes - at);
            if ((extent.State & ExtentState.Zero) != 0)
            {
                Assert.False(all.AsSpan((int)at, (int)extent.Length).ContainsAnyExcept((byte)0), $"{at} is called zero");
            }

            at += extent.Length;
        }

        Assert.Equal((ulong)DiskBytes, at);
        Assert.Equal(ExtentState.Data, world.ExtentAt(500_000, 1).State);
        world.AssertNothingLeft(_upstream is null ? 0 : 1);
    }

    [SkippableTheory]
    [MemberData(nameof(Chains))]
    public void A_read_is_told_of_holes_where_it_wants_to_be_and_the_rest_is_as_it_was(string chain, string backend)
    {
        using BlockWorld world = Make(chain, backend);
        world.Do(NbdCommand.WriteZeroes, 0, DiskBytes);
        world.Write(70_000, Wire.Data(1, 10_000));
        world.Write(500_000, Wire.Data(2, 1));
        byte[] all = world.Read(0, DiskBytes);
        bool knowsHoles = world.Status(0, DiskBytes)[0].State.HasFlag(ExtentState.Hole);
        world.WantsHoles = true;
        BlockWorld.Answer answer = world.Finish(world.Start(NbdCommand.Read, 0, DiskBytes));
        Assert.Equal(0, answer.Error);
        Assert.True(all.AsSpan().SequenceEqual(answer.Data));
        long at = 0;
        foreach ((ulong length, bool isHole) in answer.Extents)
        {
            Assert.False(isHole && all.AsSpan((int)at, (int)length).ContainsAnyExcept((byte)0), $"{length} bytes at {at} are called a hole");
            at += (long)length;
        }

        // A filter may ask for less at a time than a file is asked about holes for, a copy on write has its own idea of what lies where, and plain calls fill
        // what they are given.
        bool passesHoles = !Array.Exists(["cow", "EXT2", "PLAIN"], word => chain.Contains(word, StringComparison.Ordinal));
        Assert.True(!knowsHoles || !passesHoles || answer.Extents.Any(extent => extent.IsHole), "no hole was told");
        world.AssertNothingLeft(_upstream is null ? 0 : 1);
    }

    private static void Step(BlockWorld world, byte[] model, int kind, int offset, int length, int step)
    {
        Span<byte> range = model.AsSpan(offset, length);
        switch (kind)
        {
            case 0:
                Assert.Equal(0, world.Do(NbdCommand.WriteZeroes, offset, length, step % 2 == 0 ? NbdCommandFlags.NoHole : 0));
                range.Clear();
                break;
            case 1 or 2:
                byte[] data = Wire.Data(step, length);
                Assert.Equal(0, world.Write(offset, data, step % 4 == 0 ? NbdCommandFlags.Fua : 0));
                data.CopyTo(range);
                break;
            default:
                Assert.True(range.SequenceEqual(world.Read(offset, length)), $"step {step}");
                break;
        }
    }

    private BlockWorld Make(string chain, string backend)
    {
        if (chain == "PLAIN")
        {
            return new BlockWorld(new SynchronousBlock(new SynchronousMemory(DiskBytes)), backend);
        }

        string file = _folder.File("disk");
        if (chain.Contains("FILE", StringComparison.Ordinal))
        {
            using FileStream disk = File.Create(file);
            disk.SetLength(DiskBytes);
        }
        else if (chain.Contains("MBR", StringComparison.Ordinal))
        {
            byte[] disk = PartitionImages.Logical(start: 100, sectors: DiskBytes / 512);
            File.WriteAllBytes(file, disk);
        }
        else if (chain.Contains("UPSTREAM", StringComparison.Ordinal))
        {
            _upstream = new UpstreamServer(new MemoryStore(DiskBytes));
        }
        else if (chain.Contains("EXT2", StringComparison.Ordinal))
        {
            var image = new Ext2Image(_folder, "-t ext4 -b 1024 -O ^has_journal", "4M", tree => Ext2Image.Sparse(Path.Combine(tree, "disk"), DiskBytes));
            chain = $"ext2:image={chain["EXT2:".Length..]}{image.Path},file=/disk";
        }

        string log = _folder.File("log").Replace("/", "%2F", StringComparison.Ordinal);
        string text = chain.Replace("DIRECT-FILE", $"file-direct:{file}", StringComparison.Ordinal).Replace("FILE", $"file:{file}", StringComparison.Ordinal)
            .Replace("MBR", $"file:{file}", StringComparison.Ordinal)
            .Replace("UPSTREAM", $"nbd:{_upstream?.Uri}", StringComparison.Ordinal)
            .Replace("LOG", log, StringComparison.Ordinal);
        return new BlockWorld(BlockChain.Parse(text), backend.Length == 0 ? null : backend);
    }
}
