namespace Harness.Tests;

/// <summary>A folder of one test, gone with it. Its path is short, since a Unix socket's path holds at most 107 bytes.</summary>
internal sealed class TempDir : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("h-").FullName;

    /// <summary>The path of an entry, whether it exists or not.</summary>
    public string File(string name) => System.IO.Path.Combine(Path, name);

    public void Dispose()
    {
        try
        {
            Directory.Delete(Path, recursive: true);
        }
        catch (DirectoryNotFoundException)
        {
            // The test removed it, which is as good.
        }
    }
}
