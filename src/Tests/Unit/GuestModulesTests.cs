using System.IO.Compression;
using Harness.Kernels;
using Harness.Kernels.Guest;

namespace Harness.Tests.Unit;

/// <summary>What a guest gets of a kernel's modules, and where they are looked for.</summary>
public sealed class GuestModulesTests : IDisposable
{
    private readonly TempDir _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void What_a_module_needs_comes_before_it_once_and_unpacked()
    {
        Module("kernel/drivers/block/nbd.ko", "netlink-thing,libcrc32c,built_in");
        Module("kernel/net/netlink_thing.ko.gz", "libcrc32c");
        Module("kernel/lib/libcrc32c.ko", "");
        Module("kernel/drivers/other.ko", "nbd");
        GuestModules modules = GuestModules.Of(Kernel("."), "nbd")!;
        Assert.Equal(["libcrc32c", "netlink_thing", "nbd"], modules.Files.Select(module => module.Name));
        Assert.All(modules.Files, module => Assert.StartsWith("ELF", System.Text.Encoding.ASCII.GetString(module.Bytes)));

        var archive = new CpioArchive();
        modules.AddTo(archive);
        using var image = new MemoryStream();
        archive.Write(image);
        Assert.Contains("modules/netlink_thing.ko", System.Text.Encoding.ASCII.GetString(image.ToArray()));
    }

    [SkippableFact]
    public void Modules_in_xz_are_unpacked_and_a_damaged_one_is_named()
    {
        string xz = Requires.Tool("xz");
        Module("kernel/nbd.ko", "");
        Tool.Run(xz, _folder.File("kernel/nbd.ko")).Succeeded();
        Assert.Equal("nbd", Assert.Single(GuestModules.Of(Kernel("."), "nbd")!.Files).Name);

        File.WriteAllText(_folder.File("kernel/nbd.ko.xz"), "no xz");
        string why = Assert.Throws<HarnessException>(() => GuestModules.Of(Kernel("."), "nbd")).Message;
        Assert.Contains("nbd.ko.xz' with xz: ", why);
    }

    [Fact]
    public void A_module_that_is_not_there_is_none_and_a_circle_ends()
    {
        Assert.Null(GuestModules.Of(Kernel(null), "nbd"));
        Assert.Null(GuestModules.Of(Kernel("."), "nbd"));
        Module("kernel/a.ko", "b");
        Module("kernel/b.ko", "a");
        Assert.Equal(["b", "a"], GuestModules.Of(Kernel("."), "a")!.Files.Select(module => module.Name));
    }

    [Theory]
    [InlineData("boot/vmlinuz", "lib/modules/6.99.0-mine/kernel/nbd.ko", "lib/modules/6.99.0-mine")]
    [InlineData("boot/vmlinuz", "usr/lib/modules/6.99.0-mine/kernel/nbd.ko", "usr/lib/modules/6.99.0-mine")]
    [InlineData("usr/lib/modules/6.99.0-mine/vmlinuz", "usr/lib/modules/6.99.0-mine/kernel/nbd.ko", "usr/lib/modules/6.99.0-mine")]
    [InlineData("vmlinuz", "lib/modules/6.99.0-mine/kernel/nbd.ko", "lib/modules/6.99.0-mine")]
    [InlineData("arch/x86/boot/bzImage", "drivers/block/nbd.ko", ".")]
    public void A_kernel_by_its_path_brings_its_modules(string image, string module, string modules)
    {
        byte[] header = new byte[4096];
        "HdrS"u8.CopyTo(header.AsSpan(0x202));
        BitConverter.TryWriteBytes(header.AsSpan(0x20e), (ushort)0x300);
        "6.99.0-mine (me@here) #1"u8.CopyTo(header.AsSpan(0x500));
        Module(module, "");
        File.WriteAllText(_folder.File("modules.order"), "drivers/block/nbd.ko\n");
        Directory.CreateDirectory(Path.GetDirectoryName(_folder.File(image))!);
        File.WriteAllBytes(_folder.File(image), header);
        CachedKernel kernel = KernelFiles.Given(_folder.File(image));
        Assert.Equal(Path.GetFullPath(_folder.File(modules)), Path.GetFullPath(kernel.Modules!));
        Assert.Equal("nbd", Assert.Single(GuestModules.Of(kernel, "nbd")!.Files).Name);
    }

    private CachedKernel Kernel(string? modules) =>
        new(_folder.Path, new KernelFacts { Release = "6.99.0-mine", Image = "vmlinuz", Modules = modules, Sha256 = "" });

    // As much of a module as is looked at: the section of texts that says what it is.
    private void Module(string place, string depends)
    {
        string path = _folder.File(place);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        using FileStream file = File.Create(path);
        using Stream stream = place.EndsWith(".gz", StringComparison.Ordinal) ? new GZipStream(file, CompressionMode.Compress) : file;
        stream.Write(System.Text.Encoding.ASCII.GetBytes($"ELF\0license=GPL\0depends={depends}\0name=x\0"));
    }
}
