namespace Harness.Tests;

/// <summary>What cells keep in memory, at /dev/shm. All runners of the machine share the folder, tests that run at the same time among them.</summary>
internal static class SharedMemory
{
    /// <summary>The files of one runner's cells, by the runner's process.</summary>
    public static string[] FilesOf(int runner) => Directory.GetFiles("/dev/shm", $"harness-cell-{runner}-*");
}
