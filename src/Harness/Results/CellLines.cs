using System.Buffers.Binary;
using System.IO.Compression;

namespace Harness.Results;

/// <summary>
/// The lines of <c>cells.jsonl</c>. A run writes it plain, so that every line counts as soon as it is there; gzip(1) may make a tenth of it afterwards, for a
/// repository's sake, and every reader reads that as well.
/// </summary>
internal static class CellLines
{
    public const string PlainFile = "cells.jsonl";
    public const string PackedFile = PlainFile + ".gz";

    /// <summary>The lines that can be read; where the file is missing or its compression is damaged, a problem says so.</summary>
    /// <param name="folder">That of a run. The plain file goes before a packed one.</param>
    /// <param name="problems">What could not be read is added.</param>
    public static IEnumerable<string> Read(string folder, List<string> problems)
    {
        var plain = Path.Combine(folder, PlainFile);
        if (File.Exists(plain))
        {
            return File.ReadLines(plain);
        }
        var packed = Path.Combine(folder, PackedFile);
        if (!File.Exists(packed))
        {
            problems.Add($"{PlainFile} is missing, so there are no figures");
            return [];
        }
        try
        {
            return Decompress(packed);
        }
        catch (InvalidDataException)
        {
            problems.Add($"{PackedFile}: damaged, so there are no figures (the copy was cut short or the file was edited)");
            return [];
        }
    }

    /// <summary>Makes a packed file plain again, for a run that goes on; nothing where there is none.</summary>
    /// <exception cref="HarnessException">It is damaged: nothing has been changed.</exception>
    public static void Unpack(string folder)
    {
        var packed = Path.Combine(folder, PackedFile);
        var plain = Path.Combine(folder, PlainFile);
        if (File.Exists(plain) || !File.Exists(packed))
        {
            return;
        }
        try
        {
            File.WriteAllLines(plain + ".new", Decompress(packed));
        }
        catch (InvalidDataException e)
        {
            throw new HarnessException(ExitCode.Failed, $"cannot go on with '{folder}': {PackedFile} is damaged; begin a new run", e);
        }
        File.Move(plain + ".new", plain);
        File.Delete(packed);
    }

    private static string[] Decompress(string packed)
    {
        var bytes = File.ReadAllBytes(packed);
        using var text = new MemoryStream();
        using (var gzip = new GZipStream(new MemoryStream(bytes), CompressionMode.Decompress))
        {
            gzip.CopyTo(text);
        }
        // A stream that ends too early is no error to GZipStream, but its last four bytes are then not the length (RFC 1952, ISIZE).
        if (bytes.Length < sizeof(uint) || BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan()[^sizeof(uint)..]) != (uint)text.Length)
        {
            throw new InvalidDataException("it ends too early");
        }
        text.Position = 0;
        using var reader = new StreamReader(text);
        return reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }
}
