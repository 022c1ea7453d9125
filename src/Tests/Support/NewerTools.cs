namespace Harness.Tests;

/// <summary>
/// Programs of a newer Debian that <c>scripts/newer-tools.sh</c> has unpacked. They run with their own loader and libraries, beside those that are installed.
/// </summary>
internal static class NewerTools
{
    private static readonly string s_root =
        Environment.GetEnvironmentVariable("HARNESS_NEWER_TOOLS") is { Length: > 0 } folder ? folder : Path.Combine(Repository.Root, ".cache", "newer-tools");

    /// <summary>Runs one of them to its end; the test is skipped where it is not there.</summary>
    public static ToolResult Run(string name, params string[] arguments) => Tool.Run(Loader(), [.. Arguments(name), .. arguments]);

    /// <summary>A script for libnbd's shell, connected to a server.</summary>
    public static ToolResult Nbdsh(string uri, string script)
    {
        var environment = new Dictionary<string, string?> { ["PYTHONHOME"] = Path.Combine(s_root, "usr") };
        string[] shell = ["-c", "import nbdsh; nbdsh.shell()", "--base-allocation", "-u", uri, "-c", script];
        return Tool.Run(Loader(), [.. Arguments("python3"), .. shell], environment);
    }

    /// <summary>The program that starts any of them.</summary>
    public static string Loader()
    {
        Skip.IfNot(Directory.Exists(s_root), "needs libnbd and QEMU of a newer Debian; scripts/newer-tools.sh fetches them");
        return Directory.GetFiles(Path.Combine(s_root, "usr"), "ld-linux-*", SearchOption.AllDirectories).First();
    }

    /// <summary>What the loader is told to start one of them; its own arguments follow.</summary>
    public static string[] Arguments(string name)
    {
        string[] libraries = Directory.GetDirectories(Path.Combine(s_root, "usr", "lib"), "*-linux-gnu");
        return ["--library-path", string.Join(':', libraries), Path.Combine(s_root, "usr", "bin", name)];
    }
}
