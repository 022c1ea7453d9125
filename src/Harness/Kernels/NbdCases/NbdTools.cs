using Harness.Kernels.Guest;
using Harness.Run;

namespace Harness.Kernels.NbdCases;

/// <summary>
/// Foreign programs for guests, which stand behind the image in the same initrd so that guests that only count do not change with them: the NBD client's own
/// tool, those of ext4, and what trims and writes zeroes; with the shared objects that they need. The same programs give the same bytes.
/// </summary>
/// <param name="Archive">What goes into the guest.</param>
/// <param name="Versions">What each program is: the hash of its file.</param>
internal sealed record NbdTools(CpioArchive Archive, IReadOnlyDictionary<string, string> Versions)
{
    private const string Settings = "/etc/mke2fs.conf";

    // Where a package puts them is not always where a user looks.
    private static readonly string[] s_folders = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"];

    private static readonly (string Name, string Package)[] s_programs =
    [
        ("nbd-client", "nbd-client"), ("mke2fs", "e2fsprogs"), ("e2fsck", "e2fsprogs"), ("resize2fs", "e2fsprogs"), ("blkdiscard", "util-linux"),
    ];

    /// <exception cref="HarnessException">One of them is not here.</exception>
    public static NbdTools Find()
    {
        var archive = new CpioArchive();
        var versions = new SortedDictionary<string, string>(StringComparer.Ordinal);
        var paths = new List<string>();
        foreach (var (name, package) in s_programs)
        {
            string path = s_folders.Select(folder => Path.Combine(folder, name)).FirstOrDefault(File.Exists) ?? ProgramPath.Find(name)
                ?? throw new HarnessException(ExitCode.NothingCouldRun, $"there is no {name} here for the guests; install {package}: scripts/setup.sh does");
            paths.Add(path);
            archive.AddFile($"tools/{name}", path, executable: true);
            versions[name] = Kernels.Archive.ArchiveFile.HashOf(path)[..12];
        }
        foreach (string library in SharedObjects.Of(paths))
        {
            archive.AddFile(library.TrimStart('/'), library, executable: true);
        }
        if (File.Exists(Settings))
        {
            archive.AddFile(Settings.TrimStart('/'), Settings, executable: false);
        }
        return new NbdTools(archive, versions);
    }
}
