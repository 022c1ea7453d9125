using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using Harness.Measure;

namespace Harness.Kernels.Guest;

/// <summary>
/// The program as guests run it: as it was built, with our own assemblies compiled ahead of time (ReadyToRun), so that with tiering off nothing is compiled in
/// a measured part and little before it. Where it was built without those, each method is compiled when it is first called: slower to start, as exact.
/// </summary>
/// <param name="Folder">Where it lies.</param>
/// <param name="AheadFolder">Where those assemblies lie that take the place of others; null where there are none.</param>
internal sealed record GuestProgram(string Folder, string? AheadFolder)
{
    private const string Assembly = "harness.dll";
    private const string Ahead = "ahead";

    /// <summary>Whether it is compiled ahead of time.</summary>
    public bool ReadyToRun => AheadFolder is not null;

    /// <param name="say">Told what makes guests slow.</param>
    public static GuestProgram Find(Action<string> say)
    {
        string folder = BuiltFolder();
        string ahead = Path.Combine(folder, Ahead);
        if (IsThis(Path.Combine(ahead, Assembly)))
        {
            return new GuestProgram(folder, ahead);
        }
        say("this program was built without code compiled ahead, so guests start more slowly; build it with CompileAhead=true");
        return new GuestProgram(folder, null);
    }

    /// <summary>The file of this name as guests get it.</summary>
    public string File(string name) =>
        AheadFolder is { } ahead && System.IO.File.Exists(Path.Combine(ahead, name)) ? Path.Combine(ahead, name) : Path.Combine(Folder, name);

    // The tests run the program's code within a process of their own, beside which much else lies; the program itself is in the same checkout.
    private static string BuiltFolder()
    {
        if (Checkout.Root is { } root)
        {
            string built = Path.Combine(root, "src", "Harness", "bin", "Release", "net10.0");
            if (System.IO.File.Exists(Path.Combine(built, "harness")) && IsThis(Path.Combine(built, Assembly)))
            {
                return built;
            }
        }
        return AppContext.BaseDirectory;
    }

    /// <summary>Whether the assembly was made from the same source as the one that runs.</summary>
    private static bool IsThis(string assembly)
    {
        if (!System.IO.File.Exists(assembly))
        {
            return false;
        }
        using var file = new PEReader(System.IO.File.OpenRead(assembly));
        MetadataReader metadata = file.GetMetadataReader();
        return metadata.GetGuid(metadata.GetModuleDefinition().Mvid) == typeof(GuestProgram).Module.ModuleVersionId;
    }
}
