using Harness.Measure;

namespace Harness.Cli;

/// <summary>The backend where none was asked for.</summary>
internal static class DefaultBackend
{
    /// <summary>What was asked for; otherwise the newest that this kernel lets us use.</summary>
    public static string Or(string? asked) => asked ?? (RingFacts.Read().Available ? "uring" : "epoll");
}
