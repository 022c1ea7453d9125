using Harness.Ext2;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>What goes past an image's owner and what waits for it: seen while the owner is held up, so that no clock decides.</summary>
public sealed class Ext2ParallelTests : IDisposable
{
    private const int DiskBytes = 1 << 20;

    private readonly TempDir _folder = new();

    public void Dispose() => _folder.Dispose();

    [SkippableFact]
    public void What_the_map_knows_is_read_and_written_in_parallel_while_the_owner_is_busy()
    {
        Ext2Image image = Make();
        byte[] model = image.Dump("/disk");
        string Chain(string file) => $"ext2:image=delay:read=20ms/file:{image.Path},file={file}";
        using var disk = new BlockWorld(BlockChain.Parse(Chain("/disk")), "epoll");
        using var other = new BlockWorld(BlockChain.Parse(Chain("/other")), "epoll", index: 1);
        Assert.Equal(model, disk.Read(0, DiskBytes));
        using (var held = new HeldOwner(disk))
        {
            BlockWorld.Answer unknown = other.Start(NbdCommand.Read, 0, 4096);
            BlockWorld.Answer[] reads = [.. Enumerable.Range(0, 16).Select(i => disk.Start(NbdCommand.Read, i * 20_000, 4096))];

            // Each has been handed on to the image already: none waits for another.
            Assert.Equal(16, disk.Home.ChildrenInUse);
            for (int i = 0; i < 16; i++)
            {
                Assert.Equal(model.AsSpan(i * 20_000, 4096).ToArray(), disk.Finish(reads[i]).Data);
            }

            byte[] data = Wire.Data(1, 3000);
            Assert.Equal(0, disk.Write(50_000, data));
            data.CopyTo(model, 50_000);
            Assert.Equal(model.AsSpan(49_000, 6000).ToArray(), disk.Read(49_000, 6000));
            other.Settle();
            Assert.False(unknown.IsDone);
            held.LetGo();
            Assert.Equal(0, other.Finish(unknown).Error);
        }

        Assert.Equal(model, disk.Read(0, DiskBytes));
    }

    [SkippableFact]
    public void Blocks_that_were_taken_away_are_no_longer_read_whoever_has_them_now()
    {
        Ext2Image image = Make();
        byte[] model = image.Dump("/disk");
        using (var reader = new BlockWorld(BlockChain.Parse(image.Chain()), "epoll"))
        using (var changer = new BlockWorld(BlockChain.Parse(image.Chain()), "epoll", index: 1))
        using (var other = new BlockWorld(BlockChain.Parse(image.Chain("/other")), "epoll", index: 2))
        {
            Assert.Equal(model, reader.Read(0, DiskBytes));
            Assert.Equal(0, changer.Do(NbdCommand.Trim, 0, DiskBytes / 2));
            model.AsSpan(0, DiskBytes / 2).Clear();
            Assert.Equal(0, changer.Do(NbdCommand.Flush, 0, 0));

            // The other file takes all the space that there is.
            int at = 0;
            while (other.Write(at, [.. Enumerable.Repeat((byte)0xff, 64 << 10)]) == 0)
            {
                at += 64 << 10;
            }

            Assert.InRange(at, DiskBytes, (int)other.Graph.Size - 1);
            Assert.True(model.AsSpan().SequenceEqual(reader.Read(0, DiskBytes)));
        }

        image.AssertClean();
        image.AssertHolds("/disk", model);
    }

    [SkippableFact]
    public void Independent_images_do_not_wait_for_each_other()
    {
        (Ext2Image busy, Ext2Image free) = (Make(), Make());
        using var one = new BlockWorld(BlockChain.Parse(busy.Chain("/other")), "epoll");
        using var two = new BlockWorld(BlockChain.Parse(free.Chain("/other")), "epoll", index: 1);
        using (var held = new HeldOwner(one))
        {
            BlockWorld.Answer waiting = one.StartWrite(0, Wire.Data(1, 10_000));
            byte[] data = Wire.Data(2, 100_000);
            Assert.Equal(0, two.Write(5000, data));
            Assert.Equal(data, two.Read(5000, data.Length));
            Assert.Equal(0, two.Do(NbdCommand.Trim, 0, 200_000));
            Assert.Equal(0, two.Do(NbdCommand.Flush, 0, 0));
            one.Settle();
            Assert.False(waiting.IsDone);
            held.LetGo();
            Assert.Equal(0, one.Finish(waiting).Error);
        }
    }

    [SkippableFact]
    public void An_image_is_open_once_and_so_is_each_of_its_files()
    {
        Ext2Image image = Make();
        using var one = new BlockWorld(BlockChain.Parse(image.Chain()), "epoll");
        using var two = new BlockWorld(BlockChain.Parse($"stats/{image.Chain()}"), "epoll", index: 1);
        using var other = new BlockWorld(BlockChain.Parse(image.Chain("/other")), "epoll", index: 2);
        Ext2Store[] stores = [(Ext2Store)one.Graph.Top, (Ext2Store)((BlockFilter)two.Graph.Top).Next, (Ext2Store)other.Graph.Top];
        Assert.All(stores, store => Assert.Same(stores[0].Image, store.Image));
        Assert.Same(stores[0].Inode, stores[1].Inode);
        Assert.NotSame(stores[0].Inode, stores[2].Inode);
    }

    private Ext2Image Make() => new(_folder, "-t ext4 -b 1024 -O ^has_journal", "4M", tree =>
    {
        RandomFile.Write(Path.Combine(tree, "disk"), DiskBytes, seed: 5);
        Ext2Image.Sparse(Path.Combine(tree, "other"), 8 << 20);
    });

    /// <summary>Keeps the thread of an image's library calls from everything else.</summary>
    private sealed class HeldOwner : IDisposable
    {
        private readonly ManualResetEventSlim _go = new();

        public HeldOwner(BlockWorld world)
        {
            ImageOwner owner = ((Ext2Store)world.Graph.Top).Image.Owner;
            using var held = new ManualResetEventSlim();
            owner.Home.Loop.Post(() => owner.Enqueue(() =>
            {
                held.Set();
                _go.Wait();
            }));
            held.Wait();
        }

        public void LetGo() => _go.Set();

        // Also where the test has failed: what is disposed of next waits for the owner. The event stays, since the owner may not have looked at it yet.
        public void Dispose() => LetGo();
    }
}
