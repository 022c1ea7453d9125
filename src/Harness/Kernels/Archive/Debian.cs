using System.Runtime.InteropServices;

namespace Harness.Kernels.Archive;

/// <summary>What Debian calls things.</summary>
internal static class Debian
{
    private const string Image = "linux-image-";

    private static readonly string[] s_parts = [Image, "linux-binary-", "linux-modules-"];

    /// <summary>Beside those that apt reads: each release and what comes after it.</summary>
    public static readonly string[] Suites = ["bullseye", "bookworm", "trixie", "trixie-backports", "sid", "experimental"];

    /// <summary>The suites of security fixes lie in an archive of their own.</summary>
    public const string Security = "-security";

    /// <summary>Whether a suite has one: a release has, what comes before and beside it has not.</summary>
    public static bool HasSecurity(string suite) => !suite.Contains('-', StringComparison.Ordinal) && suite is not ("sid" or "experimental");

    public static string Architecture { get; } = RuntimeInformation.OSArchitecture switch
    {
        System.Runtime.InteropServices.Architecture.Arm64 => "arm64",
        _ => "amd64",
    };

    /// <summary>The kernels for virtual machines: small, with all that a guest needs and little else.</summary>
    public static string Flavour { get; } = $"cloud-{Architecture}";

    /// <summary>Whether a package is a kernel, or a part of one.</summary>
    public static bool IsKernelPart(string package) =>
        package.EndsWith($"-{Flavour}", StringComparison.Ordinal)
        && s_parts.Any(prefix => package.StartsWith(prefix, StringComparison.Ordinal) && char.IsAsciiDigit(package[prefix.Length]));

    /// <summary>The release of the kernel that a package stands for, as <c>uname -r</c> prints it; null of a package that is only a part.</summary>
    public static string? Release(string package) => package.StartsWith(Image, StringComparison.Ordinal) ? package[Image.Length..] : null;
}
