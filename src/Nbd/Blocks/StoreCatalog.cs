namespace Harness.Nbd;

/// <summary>A parameter of a store, for help texts.</summary>
/// <param name="Name">The word for it.</param>
/// <param name="Meaning">What it says, with its unit and an example.</param>
public sealed record StoreParameter(string Name, string Meaning);

/// <summary>A store that the command line knows.</summary>
/// <param name="Name">Its word.</param>
/// <param name="Synopsis">How it is written, for example <c>memory:SIZE</c>.</param>
/// <param name="Summary">What it is, in a sentence.</param>
/// <param name="Parameters">What it takes.</param>
/// <param name="Make">Makes one from what follows the name's colon; the second argument asks for read-only.</param>
public sealed record StoreKind(string Name, string Synopsis, string Summary, IReadOnlyList<StoreParameter> Parameters, Func<string, bool, IBlock> Make)
{
    /// <summary>How much it lets happen at one time.</summary>
    public ThreadModel ThreadModel { get; init; } = ThreadModel.Parallel;

    /// <summary>How it leaves to the name of an export what is served; null where it does not.</summary>
    public IStoreByName? ByName { get; init; }
}

/// <summary>Every store, documented where it is listed: help texts and <c>harness blocks</c> are printed from here.</summary>
public static class StoreCatalog
{
    private static readonly StoreParameter s_size = new("SIZE", "bytes, with k, M, G or T for powers of 1024; for example 1G");

    private static readonly StoreKind[] s_own =
    [
        new(
            "null",
            "null:SIZE",
            "No memory at all: reads are zeroes, writes are dropped. The ceiling of every measurement.",
            [s_size],
            (text, _) => new NullStore(ParseSize("null", text))),
        new(
            "memory",
            "memory:SIZE",
            "A sparse disk in memory: untouched parts read as zeroes and take no space. Lost when the server ends.",
            [s_size],
            (text, _) => new MemoryStore(ParseSize("memory", text))),
        new(
            "file",
            "file:PATH",
            "An existing regular file, of its own size. TRIM punches holes.",
            [new("PATH", "the file; for example /srv/disk.img")],
            (text, readOnly) => new FileStore(ParsePath("file", text), readOnly)),
        new(
            "file-direct",
            "file-direct:PATH",
            "A file past the page cache (O_DIRECT): clients may ask for multiples of the file system's block only; with blocksize/ before it for anything.",
            [new("PATH", "the file, of a size that is a multiple of the block too; for example /srv/disk.img")],
            (text, readOnly) => new FileStore(ParsePath("file-direct", text), readOnly, direct: true)),
        new(
            "pattern",
            "pattern:SIZE",
            "Every 8-byte word is its own offset, big endian, like nbdkit's. Writing just that succeeds, anything else is EIO.",
            [s_size],
            (text, _) => new PatternStore(ParseSize("pattern", text))),
        NbdStore.Kind,
    ];

    /// <summary>All of them, in the order in which they are printed.</summary>
    public static IReadOnlyList<StoreKind> All { get; private set; } = s_own;

    /// <summary>
    /// Makes stores known that are written elsewhere, such as those that need a library of the system; what was added before is replaced. Before the first
    /// chain is read.
    /// </summary>
    public static void Extend(params StoreKind[] kinds) => All = [.. s_own, .. kinds];

    private static string ParsePath(string store, string text) =>
        text.Length > 0 ? text : throw new BlockException($"'{store}' needs a path: {store}:/srv/disk.img") { IsUsage = true };

    private static ulong ParseSize(string store, string text)
    {
        if (!ByteSize.TryParse(text, out ulong bytes) || bytes == 0)
        {
            string found = text.Length == 0 ? "none is given" : $"'{text}' is none";
            throw new BlockException($"'{store}' needs a size, and {found}: write {store}:1G") { IsUsage = true };
        }

        return bytes;
    }
}
