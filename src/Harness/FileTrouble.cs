namespace Harness;

/// <summary>Why a file or a folder could not be opened, in the user's words: .NET's own messages name what it called, not what is in the way.</summary>
internal static class FileTrouble
{
    /// <summary>The exceptions that say something about the file and not about us.</summary>
    public static bool Is(Exception e) => e is IOException or UnauthorizedAccessException;

    /// <summary>What is in the way, without a full stop.</summary>
    public static string Reason(Exception e, string path)
    {
        if (Directory.Exists(path))
        {
            return e is UnauthorizedAccessException ? "it is a folder, or one that you may not write to" : e.Message.TrimEnd('.');
        }
        if (Parents(path).FirstOrDefault(File.Exists) is { } file)
        {
            return $"'{file}' is a file, not a folder";
        }
        return e switch
        {
            DirectoryNotFoundException => $"there is no folder '{Path.GetDirectoryName(Path.GetFullPath(path))}'",
            FileNotFoundException => "no file can be made there",
            UnauthorizedAccessException => "permission denied",
            _ => e.Message.TrimEnd('.'),
        };
    }

    private static IEnumerable<string> Parents(string path)
    {
        for (var parent = Path.GetDirectoryName(Path.GetFullPath(path)); parent is not null; parent = Path.GetDirectoryName(parent))
        {
            yield return parent;
        }
    }
}
