using System.Text;

namespace Harness.Kernels.Guest;

/// <summary>The lines of a file that another process writes, as they come.</summary>
internal sealed class GrowingFile(string path)
{
    private readonly List<string> _lines = [];
    private readonly List<byte> _half = [];
    private long _read;

    /// <summary>All that is there, a last line without its end among them.</summary>
    public IReadOnlyList<string> Lines => _half.Count > 0 ? [.. _lines, Text(_half)] : _lines;

    /// <summary>Whether the last look found anything, a whole line or not.</summary>
    public bool Grew { get; private set; }

    /// <summary>The lines that have been finished since the last look.</summary>
    public IReadOnlyList<string> NewLines()
    {
        int before = _lines.Count;
        byte[] bytes = NewBytes();
        Grew = bytes.Length > 0;
        _read += bytes.Length;
        // Characters of several bytes may be cut by a look, but never by a line.
        foreach (byte b in bytes)
        {
            if (b == (byte)'\n')
            {
                _lines.Add(Text(_half));
                _half.Clear();
            }
            else
            {
                _half.Add(b);
            }
        }
        return _lines[before..];
    }

    private byte[] NewBytes()
    {
        if (!File.Exists(path))
        {
            return [];
        }
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        stream.Position = Math.Min(_read, stream.Length);
        using var copy = new MemoryStream();
        stream.CopyTo(copy);
        return copy.ToArray();
    }

    private static string Text(List<byte> line) => Encoding.UTF8.GetString([.. line]).TrimEnd('\r');
}
