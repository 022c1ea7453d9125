using Harness.Io;

namespace Harness.Nbd;

/// <summary>Has memory for the data of a READ when it comes, and not before.</summary>
public interface IReadMemory
{
    /// <summary>
    /// Where the data goes, <see cref="ClientRequest.Length"/> bytes at least; it becomes the request's <see cref="ClientRequest.Destination"/> and is left
    /// alone until the request has ended. Called once at most for each submission, never for one that fails without data. It must not throw or submit.
    /// </summary>
    /// <param name="request">The READ.</param>
    NativeSlice MemoryFor(ClientRequest request);
}
