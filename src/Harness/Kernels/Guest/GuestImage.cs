using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Harness.Run;

namespace Harness.Kernels.Guest;

/// <summary>
/// The root file system of a guest, the same bytes for every kernel: the program, the .NET runtime, busybox, the shared objects that they need, and
/// <c>init</c>. Kept by the hash of all that goes into it.
/// </summary>
/// <param name="Path">The file.</param>
/// <param name="Hash">Twelve hexadecimal digits over what is in it.</param>
internal sealed record GuestImage(string Path, string Hash)
{
    private const string Init = "Kernels/guest-init.sh";
    private const string Runtime = "dotnet";

    // Debuggers, tracers and documentation, which no guest has a use for.
    private static readonly string[] s_leftOut =
        ["createdump", "libmscordaccore.so", "libmscordbi.so", "libcoreclrtraceptprovider.so", "Dia2Lib.dll", "TraceReloggerLib.dll"];

    /// <summary>Makes the image, unless it is there.</summary>
    /// <exception cref="HarnessException">Something that belongs into it is missing.</exception>
    public static GuestImage Make(KernelCache cache, GuestProgram program)
    {
        CpioArchive archive = Contents(program);
        string hash = HashOf(archive);
        string path = cache.Folder($"image/{hash}.cpio");
        if (!File.Exists(path))
        {
            string unfinished = $"{path}.{Environment.ProcessId}";
            try
            {
                Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
                using (var stream = new BufferedStream(File.Create(unfinished), 1 << 20))
                {
                    archive.Write(stream);
                }
                File.Move(unfinished, path, overwrite: true);
            }
            catch (Exception e) when (FileTrouble.Is(e))
            {
                // Half an image on a full disk is of no use to anybody.
                if (File.Exists(unfinished))
                {
                    File.Delete(unfinished);
                }
                throw new HarnessException(ExitCode.Failed, $"cannot write the guests' image '{path}': {FileTrouble.Reason(e, path)}; make room, or choose another place with --cache DIR", e);
            }
        }
        return new GuestImage(path, hash);
    }

    private static CpioArchive Contents(GuestProgram program)
    {
        string runtime = RuntimeEnvironment.GetRuntimeDirectory().TrimEnd('/');
        string dotnetRoot = System.IO.Path.GetFullPath(System.IO.Path.Combine(runtime, "..", "..", ".."));
        string resolver = Directory.GetFiles(System.IO.Path.Combine(dotnetRoot, "host", "fxr"), "libhostfxr.so", SearchOption.AllDirectories)
            .OrderBy(path => path, Archive.DebianVersion.Order).Last();
        var archive = new CpioArchive();
        foreach (string folder in new[] { "proc", "sys", "dev", "run", "tmp" })
        {
            archive.AddFolder(folder);
        }
        archive.AddText("init", InitText(), executable: true);
        archive.AddFile("bin/busybox", Busybox(), executable: true);
        AddFolder(archive, program.Folder, "harness", program.File);
        AddFolder(archive, runtime, $"{Runtime}/shared/Microsoft.NETCore.App/{System.IO.Path.GetFileName(runtime)}", name => System.IO.Path.Combine(runtime, name));
        archive.AddFile($"{Runtime}/{System.IO.Path.GetRelativePath(dotnetRoot, resolver)}", resolver, executable: false);
        string[] programs = [.. archive.Files.Select(file => file.Source).Where(IsProgram)];
        foreach (string library in SharedObjects.Of(programs))
        {
            archive.AddFile(library.TrimStart('/'), library, executable: true);
        }
        return archive;
    }

    private static void AddFolder(CpioArchive archive, string folder, string place, Func<string, string> source)
    {
        foreach (string file in Directory.GetFiles(folder))
        {
            string name = System.IO.Path.GetFileName(file);
            if (!s_leftOut.Contains(name) && (name == "harness" || System.IO.Path.GetExtension(name) is ".dll" or ".so" or ".json"))
            {
                archive.AddFile($"{place}/{name}", source(name), executable: name == "harness");
            }
        }
    }

    // Those that are statically linked need nothing, and ldd says so.
    private static bool IsProgram(string path) => System.IO.Path.GetExtension(path) == ".so" || System.IO.Path.GetFileName(path) == "harness";

    private static string Busybox() => ProgramPath.Find("busybox")
        ?? throw new HarnessException(ExitCode.NothingCouldRun, "there is no busybox here for the guests; install busybox-static: scripts/setup.sh does");

    private static string InitText()
    {
        using Stream stream = typeof(GuestImage).Assembly.GetManifestResourceStream(Init)!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    private static string HashOf(CpioArchive archive)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes(InitText()));
        foreach (var (place, source, _) in archive.Files)
        {
            hash.AppendData(Encoding.UTF8.GetBytes(place));
            hash.AppendData(Encoding.UTF8.GetBytes(Archive.ArchiveFile.HashOf(source)));
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset())[..12];
    }
}
