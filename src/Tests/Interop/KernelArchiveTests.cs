using System.Text;
using Harness.Kernels;
using Harness.Kernels.Archive;

namespace Harness.Tests.Interop;

/// <summary><c>harness kernels list</c> and <c>fetch</c> against an archive made for the test; gpgv, dpkg and xz are the real ones.</summary>
public sealed class KernelArchiveTests
{
    private static readonly byte[] s_kernel = Encoding.ASCII.GetBytes(new string('k', 5000));

    private static string Old => $"6.1.0-50-{Debian.Flavour}";

    private static string New => $"7.2.13+deb14-{Debian.Flavour}";

    [SkippableFact]
    public void Kernels_of_both_layouts_are_listed_fetched_and_found()
    {
        using var archive = new ScriptedArchive();
        AddBoth(archive);
        archive.Sign();

        var (code, output, error) = VerbConsole.Invoke("kernels", "list", "--cache", archive.Cache, ScriptedArchive.Suite);
        Assert.True(code == 0, error);
        Assert.Contains(Old, output);
        Assert.Contains(New, output);
        // A package that only names the newest kernel is none.
        Assert.DoesNotContain($"6.1-{Debian.Flavour}", output);

        (code, output, error) = VerbConsole.Invoke("kernels", "fetch", "--cache", archive.Cache, "6.1", ScriptedArchive.Suite);
        Assert.True(code == 0, error);
        Assert.Equal($"{Old}  6.1.176-1  {ScriptedArchive.Suite}  fetched\n{New}  7.2.13-1  {ScriptedArchive.Suite}  fetched\n", output);

        IReadOnlyList<CachedKernel> kernels = new KernelCache(archive.Cache).Kernels();
        Assert.Equal([Old, New], kernels.Select(kernel => kernel.Facts.Release));
        Assert.All(kernels, kernel => Assert.Equal(s_kernel, File.ReadAllBytes(kernel.Image)));
        // Modules that came compressed are plain, as a guest's insmod needs them.
        Assert.All(kernels, kernel => Assert.Equal("nbd module", File.ReadAllText(Path.Combine(kernel.Folder, kernel.Facts.Modules!, "kernel", "nbd.ko"))));
        Assert.Empty(Directory.GetFiles(Path.Combine(archive.Cache, "deb")));

        (_, output, _) = VerbConsole.Invoke("kernels", "fetch", "--cache", archive.Cache, "6.1.0");
        Assert.EndsWith("was here\n", output);
    }

    [SkippableFact]
    public void What_was_not_signed_or_is_not_what_was_signed_is_not_used()
    {
        using var archive = new ScriptedArchive();
        string deb = Add(archive, Old);
        string signed = archive.Sign();
        string good = File.ReadAllText(signed);
        File.WriteAllText(signed, good.Replace($"Suite: {ScriptedArchive.Suite}", "Suite: forged", StringComparison.Ordinal));
        Fails(archive, "bears no good signature of a key that apt trusts");

        File.WriteAllText(signed, good);
        byte[] bytes = File.ReadAllBytes(deb);
        bytes[^1] ^= 1;
        File.WriteAllBytes(deb, bytes);
        Fails(archive, "is not what the signed list says: its SHA-256 begins with ");
        Assert.Empty(new KernelCache(archive.Cache).Kernels());
    }

    [SkippableFact]
    public void A_download_that_is_cut_is_gone_on_with()
    {
        using var archive = new ScriptedArchive();
        string deb = Add(archive, Old);
        archive.Sign();
        byte[] whole = File.ReadAllBytes(deb);
        File.WriteAllBytes(deb, whole[..^100]);
        Fails(archive, FormattableString.Invariant($"ended after {whole.Length - 100:N0} of {whole.Length:N0} bytes, 3 times over; what is here is kept, run the same again"));
        string part = Assert.Single(Directory.GetFiles(Path.Combine(archive.Cache, "deb")));
        Assert.Equal(whole.Length - 100, new FileInfo(part).Length);

        // What is here already is not asked for again: a wrong beginning on the other side goes unseen.
        File.WriteAllBytes(deb, [.. new byte[whole.Length - 100], .. whole[^100..]]);
        var (code, _, error) = VerbConsole.Invoke("kernels", "fetch", "--cache", archive.Cache, ScriptedArchive.Suite);
        Assert.True(code == 0, error);
    }

    [SkippableFact]
    public void A_suite_that_is_not_there_and_a_version_that_nobody_has_are_said_by_name()
    {
        using var archive = new ScriptedArchive();
        Add(archive, Old);
        archive.Sign("Valid-Until: Sat, 01 Jan 2000 00:00:00 UTC\n");
        var (code, _, error) = VerbConsole.Invoke("kernels", "fetch", "--cache", archive.Cache, "nosuch", "9.9");
        Assert.Equal(1, code);
        Assert.Contains("kernels fetch: nosuch: there is no suite 'nosuch' on the archives that apt is set up with", error);
        Assert.Contains("kernels fetch: 9.9: no suite has a kernel 9.9", error);
        // Stale is no reason to stop, and is said.
        Assert.Contains($"warning: the list of suite {ScriptedArchive.Suite} was meant to be used until Sat, 01 Jan 2000", error);
    }

    [SkippableFact]
    public void Without_a_network_one_line_says_so()
    {
        // Port 1 is tcpmux, which nobody serves.
        using var archive = new ScriptedArchive("http://127.0.0.1:1/debian");
        var (code, _, error) = VerbConsole.Invoke("kernels", "list", "--cache", archive.Cache, ScriptedArchive.Suite);
        Assert.Equal(1, code);
        Assert.StartsWith("harness: cannot reach the archive at http://127.0.0.1:1/debian/dists/", error);
        Assert.EndsWith("or give a kernel by its path\n", error);
    }

    [SkippableFact]
    public void A_full_disk_is_said_with_what_is_there()
    {
        Skip.IfNot(File.Exists("/dev/full"), "needs /dev/full");
        using var archive = new ScriptedArchive();
        string deb = Add(archive, Old);
        archive.Sign();
        Assert.Equal(0, VerbConsole.Invoke("kernels", "list", "--cache", archive.Cache, ScriptedArchive.Suite).Code);
        Directory.CreateDirectory(Path.Combine(archive.Cache, "deb"));
        File.CreateSymbolicLink(Path.Combine(archive.Cache, "deb", $"{ArchiveFile.HashOf(deb)}.deb.part"), "/dev/full");
        Fails(archive, "the disk is full: '");
    }

    [SkippableFact]
    public void A_kernel_that_cannot_be_unpacked_is_said_and_its_download_is_kept()
    {
        using var archive = new ScriptedArchive();
        Add(archive, Old);
        archive.Sign();
        Directory.CreateDirectory(archive.Cache);
        File.WriteAllText(Path.Combine(archive.Cache, "kernels"), "a file where the folder should be");
        Fails(archive, "cannot unpack a kernel to '");
        Assert.Single(Directory.GetFiles(Path.Combine(archive.Cache, "deb")));
    }

    [SkippableFact]
    public void Without_a_network_no_other_kernel_is_kept_away()
    {
        using var archive = new ScriptedArchive();
        string deb = Add(archive, Old);
        Add(archive, $"5.10.0-1-{Debian.Flavour}");
        archive.Sign();
        File.Delete(deb);
        var (code, output, error) = VerbConsole.Invoke("kernels", "fetch", "--cache", archive.Cache, "6.1", "5.10");
        Assert.Equal(1, code);
        Assert.StartsWith("harness kernels fetch: 6.1: cannot reach the archive at file:", Assert.Single(error.TrimEnd('\n').Split('\n')));
        Assert.Equal($"5.10.0-1-{Debian.Flavour}  6.1.176-1  {ScriptedArchive.Suite}  fetched\n", output);
    }

    private static void Fails(ScriptedArchive archive, string why)
    {
        var (code, _, error) = VerbConsole.Invoke("kernels", "fetch", "--cache", archive.Cache, ScriptedArchive.Suite);
        Assert.Equal(1, code);
        Assert.Contains(why, error);
        Assert.Single(error.TrimEnd('\n').Split('\n'));
    }

    private static string Add(ScriptedArchive archive, string release) =>
        archive.Add(
            $"linux-image-{release}", "6.1.176-1", "",
            ($"boot/vmlinuz-{release}", s_kernel), ($"lib/modules/{release}/kernel/nbd.ko.xz", Packed("nbd module")));

    private static void AddBoth(ScriptedArchive archive)
    {
        Add(archive, Old);
        archive.Add($"linux-image-6.1-{Debian.Flavour}", "6.1.176-1", $"Depends: linux-image-{Old} (= 6.1.176-1)\n");
        archive.Add($"linux-image-{New}", "7.2.13-1", $"Depends: dracut | initramfs-tools, linux-binary-{New} (= 7.2.13-1), linux-modules-{New} (= 7.2.13-1)\n");
        archive.Add($"linux-binary-{New}", "7.2.13-1", "", ($"usr/lib/modules/{New}/vmlinuz", s_kernel));
        archive.Add($"linux-modules-{New}", "7.2.13-1", "", ($"usr/lib/modules/{New}/kernel/nbd.ko.xz", Packed("nbd module")));
    }

    private static byte[] Packed(string text)
    {
        using var folder = new TempDir();
        File.WriteAllText(folder.File("m"), text);
        Tool.Run("xz", folder.File("m"));
        return File.ReadAllBytes(folder.File("m.xz"));
    }
}
