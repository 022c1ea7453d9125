using Harness.Kernels;
using Harness.Kernels.Archive;

namespace Harness.Tests.Unit;

/// <summary>Names, orders and places of kernels.</summary>
public sealed class KernelWordsTests
{
    [Theory]
    [InlineData("6.1.0-50", "6.1.0-9", 1)]
    [InlineData("6.12.94", "6.1.176", 1)]
    [InlineData("7.3~rc7", "7.3", -1)]
    [InlineData("7.2.13+deb14", "7.2.13", 1)]
    [InlineData("6.1.176-1", "6.1.176-1", 0)]
    [InlineData("1.007", "1.7", 0)]
    [InlineData("1.a", "1.+", -1)]
    public void Versions_sort_as_in_Debian(string a, string b, int order)
    {
        Assert.Equal(order, Math.Sign(DebianVersion.Order.Compare(a, b)));
        Assert.Equal(-order, Math.Sign(DebianVersion.Order.Compare(b, a)));
        if (Requires.Find("dpkg") is { } dpkg)
        {
            // The real one agrees.
            Assert.Equal(0, Tool.Run(dpkg, "--compare-versions", a, order > 0 ? "gt" : order < 0 ? "lt" : "eq", b).ExitCode);
        }
    }

    [Theory]
    [InlineData("6.1", "6.1.0-50-cloud-amd64", true)]
    [InlineData("6.1", "6.12.94+deb13-cloud-amd64", false)]
    [InlineData("6.12.94", "6.12.94+deb13-cloud-amd64", true)]
    [InlineData("7.3", "7.3-cloud-amd64", true)]
    [InlineData("6", "6.1.0-50-cloud-amd64", true)]
    [InlineData("6.1.0-50-cloud-amd64", "6.1.0-50-cloud-amd64", true)]
    [InlineData("6.1.0-5", "6.1.0-50-cloud-amd64", false)]
    public void A_beginning_names_a_release_where_it_ends_at_a_number(string word, string release, bool matches) =>
        Assert.Equal(matches, KernelWord.Matches(word, release));

    [Fact]
    public void A_kernel_by_its_path_says_its_release_and_what_is_none_is_refused()
    {
        using var folder = new TempDir();
        byte[] image = new byte[4096];
        "HdrS"u8.CopyTo(image.AsSpan(0x202));
        BitConverter.TryWriteBytes(image.AsSpan(0x20e), (ushort)0x300);
        "6.99.0-mine (me@here) #1"u8.CopyTo(image.AsSpan(0x500));
        File.WriteAllBytes(folder.File("bzImage"), image);
        Assert.Equal("6.99.0-mine", KernelFiles.Given(folder.File("bzImage")).Facts.Release);

        File.WriteAllText(folder.File("text"), "no kernel");
        Assert.Contains("is no kernel for x86 (a bzImage)", Assert.Throws<HarnessException>(() => KernelFiles.Given(folder.File("text"))).Message);
        Assert.Contains("there is no such file", Assert.Throws<HarnessException>(() => KernelFiles.Given(folder.File("none"))).Message);
        // A file that was cut in the middle of its header.
        File.WriteAllBytes(folder.File("cut"), image[..0x20f]);
        Assert.Null(KernelFiles.ReleaseOf(folder.File("cut")));
    }
}
