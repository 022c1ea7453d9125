using Harness.Kernels.Archive;

namespace Harness.Kernels;

/// <summary>
/// Finds a kernel and its modules in unpacked packages, or beside a file that somebody built. Up to 6.x Debian has <c>boot/vmlinuz-RELEASE</c> and
/// <c>lib/modules/RELEASE</c>; from 7.x on all of it lies in <c>usr/lib/modules/RELEASE</c>, the kernel as <c>vmlinuz</c>.
/// </summary>
internal static class KernelFiles
{
    // Documentation/arch/x86/boot.rst: the magic at 0x202, and at 0x20e where the text of the version lies, from 0x200 on.
    private const int HeaderAt = 0x202;
    private const int VersionAt = 0x20e;
    private const int VersionBase = 0x200;

    /// <summary>What is in a folder of unpacked packages; compressed modules are unpacked, since a guest's insmod reads plain ones only.</summary>
    /// <exception cref="HarnessException">There is no kernel in it.</exception>
    public static KernelFacts Look(string folder, string release)
    {
        string[] images = [$"boot/vmlinuz-{release}", $"usr/lib/modules/{release}/vmlinuz", $"lib/modules/{release}/vmlinuz"];
        string image = images.FirstOrDefault(path => File.Exists(Path.Combine(folder, path)))
            ?? throw new HarnessException(ExitCode.Failed, $"the packages of {release} hold no kernel in any of these places: {string.Join(", ", images)}");
        string? modules = new[] { $"usr/lib/modules/{release}", $"lib/modules/{release}" }.FirstOrDefault(path => Directory.Exists(Path.Combine(folder, path)));
        if (modules is not null)
        {
            DecompressModules(Path.Combine(folder, modules));
        }
        return new KernelFacts { Release = release, Image = image, Modules = modules, Sha256 = ArchiveFile.HashOf(Path.Combine(folder, image)) };
    }

    /// <summary>A kernel given by its path: a bzImage as a build leaves it or a distribution installs it.</summary>
    /// <exception cref="HarnessException">There is no such file, or it is no kernel.</exception>
    public static CachedKernel Given(string path)
    {
        try
        {
            string full = Path.GetFullPath(path);
            string release = ReleaseOf(full) ?? throw new HarnessException(ExitCode.Usage, $"'{path}' is no kernel for x86 (a bzImage); give a vmlinuz, not the vmlinux beside it");
            string folder = Path.GetDirectoryName(full)!;
            string? modules = ModulesOf(folder, release);
            var facts = new KernelFacts { Release = release, Image = Path.GetFileName(full), Modules = modules, Sha256 = ArchiveFile.HashOf(full) };
            return new CachedKernel(folder, facts);
        }
        catch (Exception e) when (FileTrouble.Is(e))
        {
            throw new HarnessException(ExitCode.Usage, $"cannot read the kernel '{path}': {(File.Exists(path) ? FileTrouble.Reason(e, path) : "there is no such file")}", e);
        }
    }

    // Beside the kernel, as packages, make modules_install and a build tree have them (arch/x86/boot/bzImage); then the machine's own of the same release.
    private static string? ModulesOf(string folder, string release)
    {
        string? above = Path.GetDirectoryName(folder);
        string tree = Path.GetFullPath(Path.Combine(folder, "..", "..", ".."));
        return Installed(folder)
            ?? Below(above)
            ?? Below(folder)
            ?? (File.Exists(Path.Combine(tree, "modules.order")) ? tree : null)
            ?? Below("/");

        string? Below(string? root) => root is null ? null : Installed(Path.Combine(root, "lib/modules", release)) ?? Installed(Path.Combine(root, "usr/lib/modules", release));
        static string? Installed(string place) => Directory.Exists(Path.Combine(place, "kernel")) ? place : null;
    }

    /// <summary>The release that a bzImage names in its header; null where it is none.</summary>
    public static string? ReleaseOf(string path)
    {
        using var stream = File.OpenRead(path);
        byte[] start = new byte[64 << 10];
        int length = stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
        if (length < VersionAt + 2 || !start.AsSpan(HeaderAt, 4).SequenceEqual("HdrS"u8))
        {
            return null;
        }
        int at = VersionBase + BitConverter.ToUInt16(start, VersionAt);
        int end = at < length ? start.AsSpan(at, length - at).IndexOfAny((byte)' ', (byte)0) : -1;
        return end > 0 ? System.Text.Encoding.ASCII.GetString(start, at, end) : null;
    }

    private static void DecompressModules(string modules)
    {
        string[] packed = Directory.GetFiles(modules, "*.ko.xz", SearchOption.AllDirectories);
        foreach (string[] some in packed.Order(StringComparer.Ordinal).Chunk(500))
        {
            ToolCommand.Run(["xz", "-d", "--", .. some]).Require("cannot unpack the kernel's modules");
        }
    }
}
