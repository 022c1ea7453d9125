namespace Harness.Results;

/// <summary>The files that options like <c>--json</c> and <c>--hgrm</c> name.</summary>
internal static class OutputFile
{
    /// <summary>Refuses a file that cannot be written before time is spent on what would go into it. Leaves no file behind.</summary>
    /// <param name="option">The option that names it.</param>
    /// <param name="path">The file; null or <c>-</c> is none.</param>
    /// <exception cref="HarnessException">It cannot be written; the message says why.</exception>
    public static void Check(string option, string? path)
    {
        if (path is null or "-")
        {
            return;
        }
        var isNew = !File.Exists(path);
        try
        {
            using (new FileStream(path, FileMode.OpenOrCreate, FileAccess.Write))
            {
            }
            if (isNew)
            {
                File.Delete(path);
            }
        }
        catch (Exception e) when (FileTrouble.Is(e))
        {
            throw Refused(option, path, e);
        }
    }

    /// <summary>The error for a file that could not be written after all.</summary>
    public static HarnessException Refused(string option, string path, Exception e) => NotWritten($"{option} '{path}'", path, e);

    /// <inheritdoc cref="Refused(string, string, Exception)"/>
    public static HarnessException Refused(string path, Exception e) => NotWritten($"'{path}'", path, e);

    private static HarnessException NotWritten(string what, string path, Exception e)
    {
        var reason = Directory.Exists(path) ? "it is a folder" : FileTrouble.Reason(e, path);
        var remedy = e is DirectoryNotFoundException ? "make it, or write elsewhere" : "write elsewhere";
        return new(ExitCode.Failed, $"cannot write {what}: {reason}; {remedy}", e);
    }
}
