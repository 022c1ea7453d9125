using Harness.Nbd;

namespace Harness.Tests;

/// <summary>How the ext2 store shares, refuses and fails.</summary>
public sealed class Ext2StoreTests : IDisposable
{
    private const string Form = "-t ext4 -b 1024 -O ^has_journal";

    private readonly TempDir _folder = new();

    public void Dispose() => _folder.Dispose();

    [SkippableFact]
    public void What_one_writes_the_other_reads_whatever_they_call_the_file()
    {
        var image = Plain();
        image.Debugfs("ln /disk /twin", write: true);
        image.Debugfs("set_inode_field /disk links_count 2", write: true);
        string link = _folder.File("link");
        File.CreateSymbolicLink(link, image.Path);
        using (var one = new BlockWorld(BlockChain.Parse(image.Chain()), "epoll"))
        using (var two = new BlockWorld(BlockChain.Parse($"ext2:image={link},file=/twin"), "epoll", index: 1))
        using (var three = new BlockWorld(BlockChain.Parse($"cow/ext2:image=file:{image.Path},file=/way/round/disk"), "epoll", index: 2))
        {
            byte[] data = Wire.Data(1, 10_000);
            Assert.Equal(0, one.Write(5000, data));
            Assert.Equal(data, two.Read(5000, 10_000));
            Assert.Equal(0, two.Do(NbdCommand.WriteZeroes, 0, 1 << 20));
            Assert.Equal(new byte[10_000], one.Read(5000, 10_000));
            Assert.Equal(0, two.Write(700_000, data));
            Assert.Equal(data, three.Read(700_000, 10_000));
        }

        image.AssertClean();
    }

    [SkippableFact]
    public void Loops_that_write_and_zero_side_by_side_disturb_nobody()
    {
        const int Loops = 3;
        const int PartBytes = 400_000;
        var image = new Ext2Image(_folder, Form, "16M", tree =>
        {
            for (int i = 0; i < Loops; i++)
            {
                Ext2Image.Sparse(Path.Combine(tree, $"own{i}"), PartBytes);
            }

            Ext2Image.Sparse(Path.Combine(tree, "disk"), Loops * PartBytes);
        });
        var shared = new byte[Loops * PartBytes];
        byte[][] own = [.. Enumerable.Range(0, Loops).Select(_ => new byte[PartBytes])];
        using (var keep = new BlockWorld(BlockChain.Parse(image.Chain()), "epoll"))
        {
            var threads = Enumerable.Range(0, Loops).Select(i => Task.Run(() =>
            {
                using var common = new BlockWorld(BlockChain.Parse(image.Chain()), "epoll", 1 + i);
                using var alone = new BlockWorld(BlockChain.Parse(image.Chain($"/own{i}")), "epoll", 10 + i);
                Churn(common, shared.AsMemory(i * PartBytes, PartBytes), i * PartBytes, seed: i);
                Churn(alone, own[i], 0, seed: 10 + i);
            })).ToArray();
            Task.WaitAll(threads);
            Assert.True(shared.AsSpan().SequenceEqual(keep.Read(0, shared.Length)));
        }

        image.AssertClean();
        image.AssertHolds("/disk", shared);
        for (int i = 0; i < Loops; i++)
        {
            image.AssertHolds($"/own{i}", own[i]);
        }
    }

    [SkippableFact]
    public void A_full_image_says_so_and_stays_whole()
    {
        var image = new Ext2Image(_folder, Form, "4M", tree => Ext2Image.Sparse(Path.Combine(tree, "disk"), 16 << 20));
        byte[] first = Wire.Data(1, 1 << 20);
        byte[] content;
        using (var world = new BlockWorld(BlockChain.Parse(image.Chain()), "epoll"))
        {
            Assert.Equal(0, world.Write(0, first));
            int error = 0;
            for (int at = 2 << 20; at < 16 << 20 && error == 0; at += 1 << 20)
            {
                error = world.Write(at, first);
            }

            Assert.Equal(28, error);
            Assert.Equal(first, world.Read(0, 1 << 20));
            Assert.Equal(0, world.Write(4096, first[..4096]));

            // Space that is given back can be had again, after the image knows of it.
            Assert.Equal(0, world.Do(NbdCommand.Trim, 0, 1 << 20));
            Assert.Equal(0, world.Write(15 << 20, first[..100_000]));
            content = world.Read(0, 16 << 20);
            world.AssertNothingLeft();
        }

        image.AssertClean();
        image.AssertHolds("/disk", content);
    }

    [SkippableFact]
    public void Blocks_that_cannot_be_filled_go_back()
    {
        var image = Plain();
        string trigger = _folder.File("broken");
        string chain = $"error:commands=write+flush%2Cfile={trigger.Replace("/", "%252F", StringComparison.Ordinal)}/file:{image.Path}";
        using (var world = new BlockWorld(BlockChain.Parse($"ext2:image={chain},file=/disk"), "epoll"))
        {
            Assert.Equal(0, world.Write(0, Wire.Data(1, 5000), NbdCommandFlags.Fua));
            File.WriteAllBytes(trigger, []);
            Assert.Equal(5, world.Write(100_000, Wire.Data(2, 50_000)));
            Assert.Equal(5, world.Do(NbdCommand.Flush, 0, 0));
            File.Delete(trigger);
            Assert.Equal(new byte[50_000], world.Read(100_000, 50_000));
            Assert.Equal(0, world.Write(120_000, Wire.Data(3, 5000), NbdCommandFlags.Fua));
        }

        byte[] model = new byte[1 << 20];
        Wire.Data(1, 5000).CopyTo(model, 0);
        Wire.Data(3, 5000).CopyTo(model, 120_000);
        image.AssertClean();
        image.AssertHolds("/disk", model);
    }

    [SkippableFact]
    public void An_image_that_is_only_read_stays_as_it_is()
    {
        var image = Plain();
        image.Debugfs("feature needs_recovery", write: true);
        byte[] before = File.ReadAllBytes(image.Path);
        using (var world = new BlockWorld(BlockChain.Parse(image.Chain(), readOnly: true), "epoll"))
        {
            Assert.Equal(1, world.Write(0, [1]));
            Assert.Equal(new byte[100], world.Read(0, 100));
            Assert.Equal(0, world.Do(NbdCommand.Flush, 0, 0));
        }

        Assert.True(before.AsSpan().SequenceEqual(File.ReadAllBytes(image.Path)));
    }

    /// <summary>One store asks for the image to be opened once more, for writing, while another one that only reads has just counted in.</summary>
    [SkippableFact]
    public void A_store_that_comes_while_the_image_is_opened_once_more_stands_on_it()
    {
        var image = Plain();
        for (int i = 0; i < TestScale.Pick(50, 1000); i++)
        {
            Task<IBlock> coming = Task.Run(() => BlockChain.Parse(image.Chain()));
            using IBlock reader = BlockChain.Parse(image.Chain(), readOnly: true);
            Assert.Contains(reader, reader.Behind!.Graph!.Users);
            using IBlock writer = coming.Result;
            Assert.Same(writer.Behind, reader.Behind);
            Assert.Equal(2, reader.Behind!.Graph!.Users.Count);
        }
    }

    [SkippableFact]
    public void An_image_may_be_any_chain()
    {
        var image = Plain();
        byte[] data = Wire.Data(1, 70_000);
        string[] chains = [$"blocksize:minimum=512/file:{image.Path}", $"stats/delay:read=10us/file:{image.Path}", $"cow/file:{image.Path}"];
        foreach (string chain in chains)
        {
            using var world = new BlockWorld(BlockChain.Parse($"ext2:image={chain},file=/disk"), "epoll");
            Assert.Equal(0, world.Write(12_345, data));
            Assert.Equal(data, world.Read(12_345, 70_000));
            Assert.Equal(0, world.Do(NbdCommand.WriteZeroes, 0, 1 << 20, NbdCommandFlags.Fua));
            world.AssertNothingLeft();
        }

        // An image in a file of an image.
        var nest = new Ext2Image(_folder, Form, "20M", tree => File.Copy(image.Path, Path.Combine(tree, "inner")));
        using (var world = new BlockWorld(BlockChain.Parse($"ext2:image=ext2:image=file:{nest.Path}%2Cfile=/inner,file=/disk"), "epoll"))
        {
            Assert.Equal(0, world.Write(777, data, NbdCommandFlags.Fua));
            Assert.Equal(data, world.Read(777, 70_000));
        }

        nest.AssertClean();
    }

    [SkippableFact]
    public void What_cannot_be_served_is_one_line_that_says_what_to_do()
    {
        var image = Plain();
        Says(image.Chain("/none"), "there is no such file; 'debugfs");
        Says(image.Chain("/way"), "is a directory");
        Says(image.Chain("/empty"), "is empty, and a file that is served keeps its size");
        Says(image.Chain("/loop"), "leads round in circles");
        Says(image.Chain("/disk/x"), "leads through something that is no directory");
        Says("ext2:image=memory:1M,file=/x", "is no ext2, ext3 or ext4 image; make one with 'mke2fs");
        Says($"ext2:image={_folder.File("none")},file=/x", "there is no file '");
        Says($"ext2:image={image.Path},file=x", "is no path from the image's root; write file=/x");
        Says($"ext2:image={image.Path}", "'ext2': file= is missing");
        Says("ext2:imoge=x", "unknown parameter 'imoge': did you mean 'image'?");
        Says("ext2:image=nbdd:1,file=/x", "there is no file 'nbdd:1'");
        Assert.Contains("sudo apt-get install libext2fs2", Ext2.Ext2Library.Trouble("libext2fs.so.99"), StringComparison.Ordinal);
    }

    [SkippableTheory]
    [InlineData("feature needs_recovery", "its journal has changes that are not in their places yet")]
    [InlineData("set_super_value state 2", "errors were found in it; run 'e2fsck -f FILE'")]
    [InlineData("set_super_value state 0", "it is mounted, or was not unmounted")]
    [InlineData("feature quota", "it has quotas, shared blocks or is marked read-only")]
    [InlineData("feature shared_blocks", "it has quotas, shared blocks or is marked read-only")]
    [InlineData("feature FEATURE_R23", "cannot be opened: ")]
    [InlineData("set_super_value blocks_per_group 0", "cannot be opened: ")]
    public void What_may_not_be_changed_is_refused_before_anything_is_served(string command, string reason)
    {
        var image = Plain();
        image.Debugfs(command, write: true);
        Says(image.Chain(), reason);
    }

    /// <summary>Bytes turned round in the metadata: an error or other data, but no harm to the process.</summary>
    [SkippableFact]
    public void Damaged_images_harm_nobody()
    {
        var image = Plain();
        byte[] good = File.ReadAllBytes(image.Path);
        int served = 0;
        for (int seed = 0; seed < TestScale.Pick(60, 3000); seed++)
        {
            var random = new Random(seed);
            byte[] bad = (byte[])good.Clone();
            for (int i = 0; i < 1 + random.Next(60); i++)
            {
                bad[1024 + random.Next(300_000)] = (byte)random.Next(256);
            }

            File.WriteAllBytes(image.Path, bad);
            try
            {
                using var world = new BlockWorld(BlockChain.Parse(image.Chain()), "poll");
                served++;
                int length = (int)Math.Min(world.Graph.Size, 100_000);
                world.Finish(world.Start(NbdCommand.Read, 0, length));
                world.Write(0, Wire.Data(seed, length));
                world.Finish(world.Start(NbdCommand.BlockStatus, 0, length));
                world.Do(NbdCommand.Trim, 0, length);
                world.Do(NbdCommand.Flush, 0, 0);
                world.AssertNothingLeft();
            }
            catch (BlockException)
            {
                // Refused, with a line.
            }
        }

        Assert.InRange(served, 1, int.MaxValue);
    }

    private static void Says(string chain, string message) =>
        Assert.Contains(message, Assert.Throws<BlockException>(() => BlockChain.Parse(chain)).Message, StringComparison.Ordinal);

    private static void Churn(BlockWorld world, Memory<byte> model, int start, int seed)
    {
        var random = new Random(seed);
        for (int i = 0; i < TestScale.Pick(150, 5000); i++)
        {
            int offset = random.Next(model.Length);
            int length = 1 + random.Next(Math.Min(model.Length - offset, random.Next(6) == 0 ? 100_000 : 6000));
            Span<byte> range = model.Span.Slice(offset, length);
            switch (random.Next(6))
            {
                case 0:
                    Assert.Equal(0, world.Do(NbdCommand.WriteZeroes, start + offset, length, i % 2 == 0 ? NbdCommandFlags.FastZero : 0));
                    range.Clear();
                    break;
                case 1:
                    Assert.Equal(0, world.Do(NbdCommand.Trim, start + offset, length));
                    world.Read(start + offset, length).CopyTo(range);
                    break;
                case 2 or 3:
                    byte[] data = Wire.Data(i + (seed * 1000), length);
                    Assert.Equal(0, world.Write(start + offset, data));
                    data.CopyTo(range);
                    break;
                default:
                    Assert.True(range.SequenceEqual(world.Read(start + offset, length)), $"seed {seed}, step {i}");
                    break;
            }
        }
    }

    private Ext2Image Plain() => new(_folder, Form, "8M", tree =>
    {
        Ext2Image.Sparse(Path.Combine(tree, "disk"), 1 << 20);
        File.WriteAllBytes(Path.Combine(tree, "empty"), []);
        Directory.CreateDirectory(Path.Combine(tree, "way"));
        File.CreateSymbolicLink(Path.Combine(tree, "way", "round"), "/");
        File.CreateSymbolicLink(Path.Combine(tree, "loop"), "loop");
    });
}
