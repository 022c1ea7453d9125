using System.Security.Cryptography;

namespace Harness.Measure;

/// <summary>Which compiled program this is. The commit does not say it: a work tree may differ from its commit, and from what was built from it.</summary>
internal static class ProgramBuild
{
    /// <summary>
    /// Twelve hexadecimal digits over the module version ids of our assemblies. The compiler derives those from its input, so that two builds of the same
    /// source in the same place have the same.
    /// </summary>
    public static string Id { get; } = Convert.ToHexStringLower(SHA256.HashData(
    [
        .. new[] { typeof(ProgramBuild), typeof(Nbd.NbdServer), typeof(Io.EventLoop) }.SelectMany(type => type.Module.ModuleVersionId.ToByteArray()),
    ]))[..12];
}
