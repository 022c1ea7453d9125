using System.Globalization;
using System.Text;

namespace Harness.Kernels.Guest;

/// <summary>
/// Writes the kernel's format for an initial root file system: cpio(5), "New ASCII" (<c>newc</c>). The same entries give the same bytes: they are sorted by
/// name, belong to root, and have no time.
/// </summary>
internal sealed class CpioArchive
{
    private const int FolderMode = 0x41ED; // 040755
    private const int FileMode = 0x8000;
    private const int ExecutableBits = 0x1ED; // 0755
    private const int PlainBits = 0x1A4; // 0644

    private readonly SortedDictionary<string, Entry> _entries = new(StringComparer.Ordinal);

    /// <summary>The files, by their places in the archive.</summary>
    public IEnumerable<(string Place, string Source, bool Executable)> Files =>
        _entries.Where(entry => entry.Value.Source is not null).Select(entry => (entry.Key, entry.Value.Source!, entry.Value.Executable));

    /// <summary>An empty folder; those above it come with it, as they do with a file.</summary>
    public void AddFolder(string place)
    {
        AddParents(place);
        _entries[place] = new Entry(null, null, true);
    }

    /// <summary>A file as it lies on disk when the archive is written.</summary>
    public void AddFile(string place, string source, bool executable)
    {
        AddParents(place);
        _entries[place] = new Entry(source, null, executable);
    }

    /// <summary>A file that is made here.</summary>
    public void AddText(string place, string text, bool executable)
    {
        AddParents(place);
        _entries[place] = new Entry(null, Encoding.UTF8.GetBytes(text), executable);
    }

    /// <summary>A file whose bytes are at hand; nobody runs it.</summary>
    public void AddBytes(string place, byte[] bytes)
    {
        AddParents(place);
        _entries[place] = new Entry(null, bytes, false);
    }

    /// <summary>Writes all of it. Several archives may follow each other in one file: the kernel unpacks one after the other.</summary>
    public void Write(Stream target)
    {
        int inode = 1;
        foreach (var (place, entry) in _entries)
        {
            byte[] content = entry.Text ?? (entry.Source is { } source ? File.ReadAllBytes(source) : []);
            int mode = entry.IsFolder ? FolderMode : FileMode | (entry.Executable ? ExecutableBits : PlainBits);
            WriteEntry(target, place, inode++, mode, content);
        }
        WriteEntry(target, "TRAILER!!!", 0, 0, []);
    }

    private void AddParents(string place)
    {
        for (int slash = place.IndexOf('/', StringComparison.Ordinal); slash > 0; slash = place.IndexOf('/', slash + 1))
        {
            _entries.TryAdd(place[..slash], new Entry(null, null, true));
        }
    }

    // Thirteen numbers of eight hexadecimal digits, the name with its zero, the content; name and content are each padded to four bytes.
    private static void WriteEntry(Stream target, string place, int inode, int mode, byte[] content)
    {
        byte[] name = [.. Encoding.UTF8.GetBytes(place), 0];
        int links = mode == FolderMode ? 2 : 1;
        int[] fields = [inode, mode, 0, 0, links, 0, content.Length, 0, 0, 0, 0, name.Length, 0];
        byte[] header = Encoding.ASCII.GetBytes("070701" + string.Concat(fields.Select(field => field.ToString("X8", CultureInfo.InvariantCulture))));
        target.Write(header);
        target.Write(name);
        Pad(target, header.Length + name.Length);
        target.Write(content);
        Pad(target, content.Length);
    }

    private static void Pad(Stream target, int length) => target.Write(new byte[(4 - (length % 4)) % 4]);

    private sealed record Entry(string? Source, byte[]? Text, bool Executable)
    {
        public bool IsFolder => Source is null && Text is null;
    }
}
