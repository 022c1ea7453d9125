using Harness.Kernels.Archive;

namespace Harness.Kernels.Guest;

/// <summary>Finds the shared objects that programs need, with ldd(1), and those that .NET opens by name when it first needs them, with ldconfig(8).</summary>
internal static class SharedObjects
{
    // The runtime's SHA-256 is OpenSSL's.
    private static readonly string[] s_openedByName = ["libssl.so.3", "libcrypto.so.3"];

    /// <summary>Absolute paths as the loader looks for them, sorted; without what lies in the folders of the files themselves.</summary>
    /// <param name="files">Programs and shared objects.</param>
    public static IReadOnlyList<string> Of(IReadOnlyList<string> files)
    {
        var own = files.Select(Path.GetDirectoryName).ToHashSet();
        var found = files.Concat(OpenedByName()).Distinct()
            .SelectMany(file => Needed(file))
            .Concat(OpenedByName())
            .Where(path => !own.Contains(Path.GetDirectoryName(path)));
        return [.. found.Distinct().Order(StringComparer.Ordinal)];
    }

    private static IReadOnlyList<string> OpenedByName()
    {
        string cache = ToolCommand.Run([File.Exists("/sbin/ldconfig") ? "/sbin/ldconfig" : "ldconfig", "-p"]).Output;
        return [.. s_openedByName.Select(name => cache.Split('\n').FirstOrDefault(line => line.TrimStart().StartsWith($"{name} ", StringComparison.Ordinal)))
            .OfType<string>()
            .Select(line => line[(line.IndexOf("=>", StringComparison.Ordinal) + 2)..].Trim())];
    }

    // "libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x…)", and for the loader itself "/lib64/ld-linux-x86-64.so.2 (0x…)".
    private static IEnumerable<string> Needed(string file) => ToolCommand.Run(["ldd", file]).Output.Split('\n')
        .Select(line => line[(line.IndexOf("=>", StringComparison.Ordinal) is >= 0 and var arrow ? arrow + 2 : 0)..].Trim().Split(" (")[0])
        .Where(path => path.StartsWith('/') && File.Exists(path));
}
