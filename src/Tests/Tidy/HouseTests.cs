using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Harness.Tests;

/// <summary>The shape of the house: what stands where, and which way the arrows point.</summary>
public partial class HouseTests
{
    private static readonly string[] TopLevel =
    [
        "bench", "src", "results", "scripts", "Harness.sln", "README.md", "run.sh", "LICENSE", "CHANGELOG.md", "global.json",
        "Directory.Build.props", "Directory.Packages.props", "Directory.Build.targets",
    ];

    /// <summary>From the ground up: a project refers only to projects below it.</summary>
    private static readonly string[] Layers = ["Io", "Nbd", "Ext2", "Harness", "Micro", "Tests"];

    /// <summary>The projects with unsafe code: all memory that the kernel or a C library sees is owned there.</summary>
    private static readonly string[] UnsafeProjects = ["src/Io", "src/Ext2"];

    [SkippableFact]
    public void Nothing_new_at_the_top() => Rule.Holds(
        $"the top level holds {string.Join(' ', TopLevel)} and dot-files; find the room where it belongs",
        TrackedFiles.All.Select(file => file.Path.Split('/')[0]).Distinct().Where(entry => !entry.StartsWith('.') && !TopLevel.Contains(entry)));

    [SkippableFact]
    public void Arrows_point_down() => Rule.Holds(
        $"a project refers only to what is below it: {string.Join(" <- ", Layers)}",
        from project in TrackedFiles.All.Where(file => file.Is(".csproj"))
        from reference in XDocument.Load(project.FullPath).Descendants("ProjectReference")
        let target = reference.Attribute("Include")!.Value
        where Layer(target) < 0 || Layer(target) >= Layer(project.Path)
        select $"{project.Path} refers to {target}");

    [SkippableFact]
    public void Unsafe_code_stays_in_its_rooms() => Rule.Holds(
        $"only {string.Join(" and ", UnsafeProjects)} have unsafe code and bindings; ask them",
        Rule.Lines(
            TrackedFiles.All.Where(file => file.Is(".cs") && !file.IsBelow(UnsafeProjects)),
            line => UnsafeCode().Match(NotCode().Replace(line, "")) is { Success: true } match ? match.Value : null)
        .Concat(
            from project in TrackedFiles.All.Where(file => file.Is(".csproj") && !file.IsBelow(UnsafeProjects))
            where XDocument.Load(project.FullPath).Descendants("AllowUnsafeBlocks").Any()
            select $"{project.Path}: AllowUnsafeBlocks"));

    [SkippableFact]
    public void Every_project_is_in_the_solution()
    {
        var solution = File.ReadAllText(Path.Combine(Repository.Root, "Harness.sln"));
        Rule.Holds(
            "dotnet sln Harness.sln add PROJECT",
            TrackedFiles.All.Where(file => file.Is(".csproj")).Select(file => file.Path).Where(path => !solution.Contains(path.Replace('/', '\\'))));
    }

    [SkippableFact]
    public void Package_versions_stand_in_one_place() => Rule.Holds(
        "put the version into Directory.Packages.props",
        from project in TrackedFiles.All.Where(file => file.Is(".csproj"))
        from package in XDocument.Load(project.FullPath).Descendants("PackageReference")
        where package.Attribute("Version") is not null || package.Attribute("VersionOverride") is not null
        select $"{project.Path}: {package.Attribute("Include")?.Value}");

    [SkippableFact]
    public void Lock_files_name_no_registry() => Rule.Holds(
        "npm install --package-lock-only, with omit-lockfile-registry-resolved=true in .npmrc",
        TrackedFiles.All.Where(file => file.Path.EndsWith("package-lock.json", StringComparison.Ordinal))
            .Where(file => File.ReadAllText(file.FullPath).Contains("\"resolved\"", StringComparison.Ordinal))
            .Select(file => file.Path));

    [SkippableFact]
    public void Scripts_can_be_run() => Rule.Holds(
        "git update-index --chmod=+x, and a first line that names the shell",
        from file in TrackedFiles.All.Where(file => file.Is(".sh") || file.Path == ".ci/run")
        where !file.IsExecutable || !file.Lines()[0].StartsWith("#!", StringComparison.Ordinal)
        select file.Path);

    [SkippableFact]
    public void Scripts_are_valid_bash()
    {
        var bash = Requires.Tool("bash");
        foreach (var file in TrackedFiles.All.Where(file => file.Is(".sh") || file.Path == ".ci/run"))
        {
            Tool.Run(bash, "-n", file.FullPath).Succeeded();
        }
    }

    private static int Layer(string projectPath) => Array.IndexOf(Layers, Path.GetFileNameWithoutExtension(projectPath.Replace('\\', '/')));

    [GeneratedRegex("""\bunsafe\b|\b(LibraryImport|DllImport)\b|\bstatic\s+extern\b""")]
    private static partial Regex UnsafeCode();

    // Comments, and strings of one line.
    [GeneratedRegex("""//.*$|"([^"\\]|\\.)*["]""")]
    private static partial Regex NotCode();
}
