using Harness.Io.Native;

namespace Harness.Nbd;

/// <summary>How it is told that a stream has failed: which side ended it, as far as the errno says that, what could not be done, and the errno.</summary>
internal static class StreamEnd
{
    /// <summary>Which side ended it, as the beginning of a sentence; null where the errno does not say.</summary>
    public static string? Who(int errno) => errno switch
    {
        Errno.EPIPE => "the server closed the connection",
        Errno.ECONNRESET => "the server reset the connection",
        _ => null,
    };

    /// <summary>The whole phrase, without the peer's name.</summary>
    /// <param name="what">What could not be done, such as <c>cannot send</c>.</param>
    /// <param name="errno">Positive.</param>
    public static string Text(string what, int errno) => (Who(errno) is { } who ? $"{who}: " : string.Empty) + $"{what}: {ErrnoText.Of(errno)}";
}
