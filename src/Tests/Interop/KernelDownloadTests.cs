using System.Globalization;
using System.Security.Cryptography;
using Harness.Kernels;
using Harness.Kernels.Archive;

namespace Harness.Tests.Interop;

/// <summary>
/// Downloads from a mirror that fails in the middle, over HTTP as users have it; what a folder can show is in <see cref="KernelArchiveTests"/>.
/// </summary>
public sealed class KernelDownloadTests : IDisposable
{
    private const int Bytes = 1000;

    private readonly TempDir _folder = new();
    private readonly HttpMirror _mirror = new();

    public void Dispose()
    {
        _mirror.Dispose();
        _folder.Dispose();
    }

    [SkippableFact]
    public void A_kernel_comes_over_http_though_every_connection_ends_early()
    {
        using var archive = new ScriptedArchive(_mirror.Address);
        string release = $"6.1.0-50-{Debian.Flavour}";
        string deb = archive.Add($"linux-image-{release}", "6.1.176-1", "", ($"boot/vmlinuz-{release}", RandomNumberGenerator.GetBytes(5000)));
        archive.Sign();
        int length = (int)new FileInfo(deb).Length;
        (_mirror.Root, _mirror.CutAfter) = (archive.Root, (length / 5) + 1);
        // Three connections bring three fifths of it, and are then given up; the next call goes on and brings the rest.
        var (code, _, error) = VerbConsole.Invoke("kernels", "fetch", "--cache", archive.Cache, ScriptedArchive.Suite);
        Assert.Equal(1, code);
        string had = string.Create(CultureInfo.InvariantCulture, $"ended after {3 * _mirror.CutAfter:N0} of {length:N0} bytes, 3 times over; what is here is kept, run the same again");
        Assert.Contains(had, Assert.Single(error.TrimEnd('\n').Split('\n')));
        (code, _, error) = VerbConsole.Invoke("kernels", "fetch", "--cache", archive.Cache, ScriptedArchive.Suite);
        Assert.True(code == 0, error);
        Assert.Equal(Enumerable.Range(0, 5).Select(part => $"from {part * _mirror.CutAfter}"), _mirror.Asked);
        Assert.Equal(release, Assert.Single(new KernelCache(archive.Cache).Kernels()).Facts.Release);
    }

    [Fact]
    public void A_mirror_that_knows_no_ranges_is_asked_for_all_of_it_again()
    {
        ArchiveFile package = Package();
        (_mirror.CutAfter, _mirror.KnowsRanges) = (600, false);
        Assert.Contains("ended after 600 of 1,000 bytes", Assert.Throws<HarnessException>(() => Fetch(package)).Message);
        _mirror.CutAfter = null;
        Fetch(package);
        Assert.Equal(package.Sha256, ArchiveFile.HashOf(Target));
    }

    [Fact]
    public void A_mirror_that_goes_silent_is_given_up_and_what_came_is_kept()
    {
        ArchiveFile package = Package();
        (_mirror.CutAfter, _mirror.IsSilent) = (250, true);
        var error = Assert.Throws<HarnessException>(() => Fetch(package, TimeSpan.FromSeconds(1)));
        Assert.Equal(ExitCode.Failed, error.ExitCode);
        Assert.Equal(
            "the download of p.deb said nothing for 1s after 750 of 1,000 bytes, 3 times over; what is here is kept, run the same again to go on from there",
            error.Message);
        Fetch(package, TimeSpan.FromSeconds(1));
        Assert.Equal(["from 0", "from 250", "from 500", "from 750"], _mirror.Asked);
    }

    [Fact]
    public void An_interrupt_does_not_wait_for_a_mirror_that_is_silent()
    {
        ArchiveFile package = Package();
        (_mirror.CutAfter, _mirror.IsSilent) = (250, true);
        using var interrupt = new CancellationTokenSource();
        using var downloads = new Downloader(_ => null, new DownloadProgress(TextWriter.Null, terminal: false), TimeSpan.FromSeconds(20));
        Task fetching = Task.Run(() => downloads.Fetch(package, Target, interrupt.Token));
        while (_mirror.Asked.Count == 0)
        {
            Assert.False(fetching.IsCompleted);
            Thread.Sleep(10);
        }
        interrupt.Cancel();
        Assert.ThrowsAny<OperationCanceledException>(() => fetching.GetAwaiter().GetResult());
    }

    [Fact]
    public void A_mirror_without_the_package_is_said()
    {
        ArchiveFile package = Package() with { Uri = new Uri(_mirror.Address + "none.deb") };
        var error = Assert.Throws<HarnessException>(() => Fetch(package));
        Assert.StartsWith($"cannot reach the archive at {_mirror.Address}none.deb: ", error.Message);
        Assert.Contains("404", error.Message);
    }

    private string Target => _folder.File("fetched");

    private ArchiveFile Package()
    {
        _mirror.Root = _folder.Path;
        byte[] bytes = RandomNumberGenerator.GetBytes(Bytes);
        File.WriteAllBytes(_folder.File("p.deb"), bytes);
        return new ArchiveFile(new Uri(_mirror.Address + "p.deb"), Bytes, Convert.ToHexStringLower(SHA256.HashData(bytes)));
    }

    private void Fetch(ArchiveFile package, TimeSpan? patience = null)
    {
        using var downloads = new Downloader(_ => null, new DownloadProgress(TextWriter.Null, terminal: false), patience);
        downloads.Fetch(package, Target, CancellationToken.None);
    }
}
