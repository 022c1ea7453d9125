using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Harness.Kernels.Archive;
using Harness.Run;

namespace Harness.Kernels.Guest;

/// <summary>
/// The emulator's plugin that tells the guest's instructions in user mode from those in the kernel: <c>count-instructions.c</c>, compiled once into the cache.
/// It looks and changes nothing, so a guest with it counts the same to the last instruction as one without.
/// </summary>
/// <param name="Path">The compiled plugin.</param>
internal sealed record InstructionPlugin(string Path)
{
    private const string Source = "Kernels/count-instructions.c";

    // Version 1 of the plugins' interface, which later ones no longer take.
    private const int FirstMajor = 6;
    private const int LastMajor = 8;

    /// <summary>Compiles it, unless it is there.</summary>
    /// <param name="cache">Where it is kept, by the hash of its source.</param>
    /// <param name="qemu">What is to load it.</param>
    /// <param name="compiler">The C compiler.</param>
    /// <exception cref="HarnessException">It cannot be had; the line says why, and what to do.</exception>
    public static InstructionPlugin Make(KernelCache cache, Qemu qemu, string compiler = "cc")
    {
        if (Refusal(qemu.Version) is { } refusal)
        {
            throw new HarnessException(ExitCode.NothingCouldRun, refusal);
        }
        string text = SourceText();
        string hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..12];
        string path = cache.Folder($"plugin/{hash}.so");
        if (File.Exists(path))
        {
            return new InstructionPlugin(path);
        }
        string program = ProgramPath.Find(compiler)
            ?? throw new HarnessException(ExitCode.NothingCouldRun, $"there is no C compiler here ({compiler}) for the emulator's plugin; install gcc: scripts/setup.sh does");
        try
        {
            Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
            string unfinished = $"{path}.{Environment.ProcessId}";
            File.WriteAllText($"{unfinished}.c", text);
            ToolResult compiled = ToolCommand.Run([program, "-std=c11", "-O2", "-Wall", "-shared", "-fPIC", "-o", unfinished, $"{unfinished}.c"]);
            File.Delete($"{unfinished}.c");
            compiled.Require("the emulator's plugin cannot be compiled");
            File.Move(unfinished, path, overwrite: true);
            return new InstructionPlugin(path);
        }
        catch (Exception e) when (FileTrouble.Is(e))
        {
            throw new HarnessException(ExitCode.Failed, $"cannot write the emulator's plugin '{path}': {FileTrouble.Reason(e, path)}; choose another place with --cache DIR", e);
        }
    }

    /// <summary>The same, where counts are good without it too.</summary>
    /// <param name="cache">Where it is kept.</param>
    /// <param name="qemu">What is to load it.</param>
    /// <param name="say">Told why there is none.</param>
    /// <param name="compiler">The C compiler.</param>
    public static InstructionPlugin? TryMake(KernelCache cache, Qemu qemu, Action<string> say, string compiler = "cc")
    {
        try
        {
            return Make(cache, qemu, compiler);
        }
        catch (HarnessException e)
        {
            say($"instructions are not told apart by user mode and kernel: {OneLine.Of(e.Message)}");
            return null;
        }
    }

    /// <summary>The emulator's arguments.</summary>
    /// <param name="windows">The file for what is counted.</param>
    /// <param name="byBlock">Whether the kernel's are told by block, for symbols.</param>
    public IReadOnlyList<string> Arguments(string windows, bool byBlock) =>
        ["-plugin", $"{Quoted(Path)},windows={Quoted(windows)}{(byBlock ? ",blocks=on" : "")}"];

    // In an option's value a comma is written twice.
    private static string Quoted(string path) => path.Replace(",", ",,", StringComparison.Ordinal);

    private static string? Refusal(string version) =>
        int.TryParse(version.Split('.')[0], NumberStyles.None, CultureInfo.InvariantCulture, out int major) && major is >= FirstMajor and <= LastMajor
            ? null
            : $"the plugin speaks version 1 of QEMU's interface, which QEMU {FirstMajor} to {LastMajor} have, and this is {version}";

    private static string SourceText()
    {
        using Stream stream = typeof(InstructionPlugin).Assembly.GetManifestResourceStream(Source)!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
