namespace Harness.Tests;

/// <summary>What a test needs from the machine; it skips with the reason where that is missing.</summary>
internal static class Requires
{
    private static readonly Dictionary<string, string> Packages = new()
    {
        ["nbdinfo"] = "libnbd-bin",
        ["nbdcopy"] = "libnbd-bin",
        ["nbddump"] = "libnbd-bin",
        ["nbdsh"] = "python3-libnbd",
        ["qemu-io"] = "qemu-utils",
        ["qemu-img"] = "qemu-utils",
        ["qemu-nbd"] = "qemu-utils",
        ["perf"] = "linux-perf",
        ["java"] = "default-jre-headless",
        ["node"] = "nodejs",
        ["cc"] = "gcc",
        ["gnuplot"] = "gnuplot-nox",
    };

    /// <summary>A program by its name; returns its path.</summary>
    public static string Tool(string name)
    {
        var path = Find(name);
        Skip.If(path is null, $"needs {name} (Debian package {Packages.GetValueOrDefault(name, name)}); scripts/setup.sh test installs it");
        return path!;
    }

    /// <summary>A file by its path, and the Debian package that has it.</summary>
    public static string FileOf(string package, string path)
    {
        Skip.IfNot(File.Exists(path), $"needs {path} (Debian package {package}); scripts/setup.sh test installs it");
        return path;
    }

    /// <summary>The path of a program by its name; null where there is none.</summary>
    public static string? Find(string name) => (Environment.GetEnvironmentVariable("PATH") ?? "")
        .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
        .Select(folder => Path.Combine(folder, name))
        .FirstOrDefault(File.Exists);
}
