using Harness.Io.Native;

namespace Harness.Io;

/// <summary>What the set-up of a ring asks of the world; tests put other kernels in its place. Nothing of this is on the hot path.</summary>
internal sealed class RingEnvironment
{
    public delegate int SetupCall(uint entries, ref io_uring_params parameters);

    /// <summary>The machine we run on.</summary>
    public static RingEnvironment Real { get; } = new();

    /// <summary><c>io_uring_setup(2)</c>: a descriptor, or minus errno.</summary>
    public SetupCall Setup { get; init; } = IoUring.Setup;

    /// <summary>The text of a file, or null where it cannot be read.</summary>
    public Func<string, string?> ReadText { get; init; } = ReadTextOrNull;

    /// <summary>The running kernel's version.</summary>
    public Version Kernel { get; init; } = Environment.OSVersion.Version;

    private static string? ReadTextOrNull(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
