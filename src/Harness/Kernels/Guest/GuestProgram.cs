using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using Harness.Measure;

namespace Harness.Kernels.Guest;

/// <summary>
/// The program as guests run it: as it was built, where that compiled it ahead of time (ReadyToRun), so that with tiering off nothing is compiled in a measured
/// part and little before it. Where it was built without, each method is compiled when it is first called: slower to start, as exact.
/// </summary>
/// <param name="Folder">Where it lies.</param>
/// <param name="ReadyToRun">Whether it is compiled ahead of time.</param>
internal sealed record GuestProgram(string Folder, bool ReadyToRun)
{
    private const string Assembly = "harness.dll";

    /// <param name="say">Told what makes guests slow.</param>
    public static GuestProgram Find(Action<string> say)
    {
        string folder = BuiltFolder();
        bool isAhead = IsCompiledAhead(Path.Combine(folder, Assembly));
        if (!isAhead)
        {
            say("this program was built without code compiled ahead, so guests start more slowly; build it with CompileAhead=true");
        }
        return new GuestProgram(folder, isAhead);
    }

    // The tests run the program's code within a process of their own, beside which much else lies; the program itself is in the same checkout.
    private static string BuiltFolder()
    {
        if (Checkout.Root is { } root)
        {
            string built = Path.Combine(root, "src", "Harness", "bin", "Release", "net10.0");
            if (File.Exists(Path.Combine(built, "harness")) && VersionOf(Path.Combine(built, Assembly)) == typeof(GuestProgram).Module.ModuleVersionId)
            {
                return built;
            }
        }
        return AppContext.BaseDirectory;
    }

    private static Guid VersionOf(string assembly)
    {
        using var file = new PEReader(File.OpenRead(assembly));
        MetadataReader metadata = file.GetMetadataReader();
        return metadata.GetGuid(metadata.GetModuleDefinition().Mvid);
    }

    private static bool IsCompiledAhead(string assembly)
    {
        using var file = new PEReader(File.OpenRead(assembly));
        return file.PEHeaders.CorHeader is { ManagedNativeHeaderDirectory.Size: > 0 };
    }
}
