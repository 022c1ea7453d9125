using System.IO.Compression;
using System.Text;
using Harness.Kernels.Archive;
using Harness.Run;

namespace Harness.Kernels.Guest;

/// <summary>
/// A kernel's modules as a guest gets them: those that are asked for and what they need, in the order in which insmod takes them. What a module needs stands
/// in itself (<c>depends=</c> of its <c>.modinfo</c>), so neither depmod nor <c>modules.dep</c> has to have been there.
/// </summary>
/// <param name="Files">The modules, first to be loaded first, unpacked.</param>
internal sealed record GuestModules(IReadOnlyList<GuestModule> Files)
{
    private static readonly string[] s_endings = [".ko", ".ko.xz", ".ko.gz", ".ko.zst"];

    public static GuestModules None { get; } = new([]);

    /// <summary>Finds modules by their names; null where the kernel has no such module: it may be built in, or left out.</summary>
    /// <param name="kernel">Whose.</param>
    /// <param name="name">Which, as <c>modprobe</c> takes it.</param>
    /// <exception cref="HarnessException">One of them cannot be read or unpacked.</exception>
    public static GuestModules? Of(CachedKernel kernel, string name)
    {
        if (kernel.Modules is not { } folder || !Directory.Exists(folder))
        {
            return null;
        }
        try
        {
            var all = Directory.GetFiles(folder, "*.ko*", SearchOption.AllDirectories)
                .Where(path => s_endings.Any(ending => path.EndsWith(ending, StringComparison.Ordinal)))
                .GroupBy(NameOf)
                .ToDictionary(group => group.Key, group => group.Order(StringComparer.Ordinal).First());
            if (!all.ContainsKey(Plain(name)))
            {
                return null;
            }
            var order = new List<GuestModule>();
            Add(Plain(name), all, order, []);
            return new GuestModules(order);
        }
        catch (Exception e) when (FileTrouble.Is(e) || e is InvalidDataException)
        {
            throw new HarnessException(ExitCode.Failed, $"cannot read the modules of {kernel.Facts.Release} in '{folder}': {OneLine.Of(e.Message).TrimEnd('.')}", e);
        }
    }

    /// <summary>Puts them into a guest.</summary>
    public void AddTo(CpioArchive archive)
    {
        foreach (GuestModule module in Files)
        {
            archive.AddBytes($"modules/{module.Name}.ko", module.Bytes);
        }
    }

    // What is not among the files is built in; where it is not, insmod says which symbol it misses.
    private static void Add(string name, Dictionary<string, string> all, List<GuestModule> order, HashSet<string> seen)
    {
        if (!seen.Add(name) || !all.TryGetValue(name, out string? path))
        {
            return;
        }
        byte[] bytes = Unpacked(path);
        foreach (string needed in Depends(bytes))
        {
            Add(needed, all, order, seen);
        }
        order.Add(new GuestModule(name, bytes));
    }

    /// <summary>The names behind <c>depends=</c>, which stands in a section of texts that end with zeroes.</summary>
    public static IReadOnlyList<string> Depends(ReadOnlySpan<byte> module)
    {
        ReadOnlySpan<byte> field = "\0depends="u8;
        int at = module.IndexOf(field);
        if (at < 0)
        {
            return [];
        }
        ReadOnlySpan<byte> rest = module[(at + field.Length)..];
        int end = rest.IndexOf((byte)0);
        return [.. Encoding.ASCII.GetString(end < 0 ? [] : rest[..end]).Split(',', StringSplitOptions.RemoveEmptyEntries).Select(Plain)];
    }

    private static string NameOf(string path)
    {
        string file = Path.GetFileName(path);
        return Plain(file[..file.LastIndexOf(".ko", StringComparison.Ordinal)]);
    }

    // A dash and an underscore are the same to the kernel.
    private static string Plain(string name) => name.Replace('-', '_');

    private static byte[] Unpacked(string path) => Path.GetExtension(path) switch
    {
        ".xz" => UnpackedBy("xz", path),
        ".zst" => UnpackedBy("zstd", path),
        ".gz" => Ungzipped(path),
        _ => File.ReadAllBytes(path),
    };

    private static byte[] Ungzipped(string path)
    {
        using var packed = new GZipStream(File.OpenRead(path), CompressionMode.Decompress);
        using var plain = new MemoryStream();
        packed.CopyTo(plain);
        return plain.ToArray();
    }

    private static byte[] UnpackedBy(string tool, string path)
    {
        using var scratch = new ScratchFolder();
        string copy = scratch.File(Path.GetFileName(path));
        File.Copy(path, copy);
        ToolCommand.Run([tool, "-q", "-d", copy]).Require($"cannot unpack '{path}' with {tool}");
        return File.ReadAllBytes(Path.Combine(scratch.Path, Path.GetFileNameWithoutExtension(path)));
    }
}

/// <summary>A module.</summary>
/// <param name="Name">With underscores.</param>
/// <param name="Bytes">The object file.</param>
internal sealed record GuestModule(string Name, byte[] Bytes);
