using System.Globalization;
using System.Text.Json;
using Harness.Results;

namespace Harness.Kernels.NbdCases;

/// <summary>The results folder of one kernel, <c>guest-RELEASE/DATE-kernel-nbd-COMMIT</c>, with <c>nbd.json</c> in it: written anew after every case.</summary>
internal sealed class NbdCasesFolder
{
    public const string File = "nbd.json";

    private readonly string _path;

    private NbdCasesFolder(string path) => _path = path;

    public string Path => _path;

    /// <exception cref="HarnessException">It cannot be made.</exception>
    public static NbdCasesFolder Create(string root, NbdCasesRecord record)
    {
        string date = record.Started.UtcDateTime.ToString("yyyy-MM-dd'T'HHmmss", CultureInfo.InvariantCulture);
        var folder = new NbdCasesFolder(System.IO.Path.Combine(root, KernelResults.MachineOf(record.Kernel.Release), $"{date}-kernel-nbd-{record.Commit}"));
        folder.Write(record);
        return folder;
    }

    /// <summary>Replaces the file as a whole: a reader sees the old one or the new one.</summary>
    /// <exception cref="HarnessException">The disk is full, or the folder is gone.</exception>
    public void Write(NbdCasesRecord record)
    {
        string file = System.IO.Path.Combine(_path, File);
        try
        {
            Directory.CreateDirectory(_path);
            System.IO.File.WriteAllText(file + ".new", JsonSerializer.Serialize(record, ResultsJson.Document.NbdCasesRecord) + "\n");
            System.IO.File.Move(file + ".new", file, overwrite: true);
        }
        catch (Exception e) when (FileTrouble.Is(e))
        {
            throw new HarnessException(ExitCode.Failed, $"cannot write '{file}': {FileTrouble.Reason(e, file)}; make room, or choose another place with --results DIR", e);
        }
    }
}
