using System.Diagnostics.CodeAnalysis;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>
/// A file in an image, whatever the image's form: what was written is read back, and e2fsprogs find afterwards what was written in an image without faults.
/// </summary>
public sealed class Ext2Contract : IDisposable
{
    private const int FileBytes = 3_000_001;

    private readonly TempDir _folder = new();

    public static TheoryData<string, string> Forms { get; } = new()
    {
        // Block maps with indirect blocks, as ext2 had them.
        { "ext2, 1k", "-t ext2 -b 1024" },
        { "ext2, 4k", "-t ext2 -b 4096" },
        { "ext3, 2k", "-t ext3 -b 2048 -J size=4" },
        { "ext4, 1k", "-t ext4 -b 1024 -J size=4" },
        { "ext4, 4k", "-t ext4 -b 4096 -O 64bit,metadata_csum -J size=4" },
        { "ext4, 64k", "-t ext4 -b 65536 -O ^has_journal" },
        { "ext4, older", "-t ext4 -b 1024 -O ^64bit,^metadata_csum,uninit_bg,^has_journal" },
        { "clusters", "-t ext4 -b 1024 -C 16384 -O bigalloc,^has_journal" },
        { "meta_bg", "-t ext4 -b 1024 -O meta_bg,^resize_inode,^has_journal" },
    };

    public void Dispose() => _folder.Dispose();

    [SkippableTheory]
    [MemberData(nameof(Forms))]
    [SuppressMessage("Usage", "xUnit1026", Justification = "The name is the case's.")]
    public void Random_requests_leave_what_a_model_has(string name, string form)
    {
        var random = new Random(5);
        var image = new Ext2Image(_folder, form, "24M", tree =>
        {
            Ext2Image.Sparse(Path.Combine(tree, "disk"), FileBytes);
            RandomFile.Write(Path.Combine(tree, "other"), 2_000_000, seed: 3);
        });
        byte[] other = image.Dump("/other");
        var model = new byte[FileBytes];
        using (var world = new BlockWorld(BlockChain.Parse(image.Chain()), "epoll"))
        {
            for (int i = 0; i < TestScale.Pick(250, 10_000); i++)
            {
                int offset = random.Next(FileBytes);
                int length = 1 + random.Next(Math.Min(FileBytes - offset, random.Next(8) == 0 ? 500_000 : 9_000));
                Step(world, model, random.Next(8), offset, length, i);
            }

            Assert.True(model.AsSpan().SequenceEqual(world.Read(0, FileBytes)));
            world.AssertNothingLeft();
        }

        image.AssertClean();
        image.AssertHolds("/disk", model);
        image.AssertHolds("/other", other);
    }

    [SkippableFact]
    public void Space_that_was_given_and_never_written_reads_as_zeroes_and_can_be_written()
    {
        // 4 MiB of old data where the file's blocks will be.
        var image = new Ext2Image(_folder, "-t ext4 -b 1024 -O ^has_journal", "16M", tree =>
        {
            RandomFile.Write(Path.Combine(tree, "old"), 12 << 20, seed: 9);
            Ext2Image.Sparse(Path.Combine(tree, "disk"), 1 << 20);
        });
        image.Debugfs("rm /old", write: true);
        image.Debugfs("fallocate /disk 0 1023", write: true);
        var model = new byte[1 << 20];
        using (var world = new BlockWorld(BlockChain.Parse(image.Chain()), "epoll"))
        {
            Assert.Equal(new BlockExtent(1 << 20, ExtentState.Zero), world.ExtentAt(0, 1 << 20));
            Assert.True(world.Read(0, 1 << 20).AsSpan().SequenceEqual(model));
            foreach (int offset in (int[])[0, 5000, 300_001, (1 << 20) - 1])
            {
                int length = Math.Min(7001, model.Length - offset);
                byte[] data = Wire.Data(offset, length);
                Assert.Equal(0, world.Write(offset, data));
                data.CopyTo(model, offset);
                Assert.True(world.Read(0, 1 << 20).AsSpan().SequenceEqual(model), $"{offset}");
            }
        }

        image.AssertClean();
        image.AssertHolds("/disk", model);
    }

    [SkippableFact]
    public void A_file_that_lies_in_its_inode_is_served_too()
    {
        byte[] model = Wire.Data(1, 100);
        var image = new Ext2Image(_folder, "-t ext4 -I 256 -O inline_data,^has_journal", "8M", tree => File.WriteAllBytes(Path.Combine(tree, "disk"), model));
        Assert.Contains("Flags: 0x1", image.Debugfs("stat /disk"), StringComparison.Ordinal);
        using (var world = new BlockWorld(BlockChain.Parse(image.Chain()), "epoll"))
        {
            Assert.Equal(model, world.Read(0, 100));
            Assert.Equal(0, world.Write(33, [1, 2, 3], NbdCommandFlags.Fua));
            Assert.Equal(0, world.Do(NbdCommand.WriteZeroes, 50, 20));
            Assert.Equal(0, world.Do(NbdCommand.Trim, 0, 100));
            ((byte[])[1, 2, 3]).CopyTo(model, 33);
            model.AsSpan(50, 20).Clear();
            Assert.Equal(model[30..60], world.Read(30, 30));
            Assert.Equal(new BlockExtent(100, ExtentState.Data), world.ExtentAt(0, 100));
            world.AssertNothingLeft();
        }

        image.AssertClean();
        image.AssertHolds("/disk", model);
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
            case 1:
                // A hint, but what the library takes away reads as zeroes, and what it leaves is what it was.
                Assert.Equal(0, world.Do(NbdCommand.Trim, offset, length));
                world.Read(offset, length).CopyTo(range);
                break;
            case 2 or 3 or 4:
                byte[] data = Wire.Data(step, length);
                Assert.Equal(0, world.Write(offset, data, step % 16 == 0 ? NbdCommandFlags.Fua : 0));
                data.CopyTo(range);
                break;
            case 5:
                Assert.Equal(0, world.Do(NbdCommand.Flush, 0, 0));
                break;
            default:
                Assert.True(range.SequenceEqual(world.Read(offset, length)), $"step {step}");
                break;
        }
    }
}
