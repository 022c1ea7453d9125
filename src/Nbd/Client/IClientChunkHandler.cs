namespace Harness.Nbd;

/// <summary>
/// Told of the parts of a reply as they come, before the request ends; implement what is of use. Called on the loop's thread, with no request submitted from
/// inside; must not throw. Nothing is told of a simple reply, of a request that has ended at its deadline, or where the destination is empty and data is
/// dropped.
/// </summary>
public interface IClientChunkHandler
{
    /// <summary>A part of a READ is in its destination, or will be once the chunk has arrived; whether it did is known at the request's end.</summary>
    /// <param name="request">The READ.</param>
    /// <param name="offset">In the export.</param>
    /// <param name="length">Bytes.</param>
    void OnData(ClientRequest request, ulong offset, ulong length)
    {
    }

    /// <summary>A part of a READ is a hole; its place in the destination has been filled with zeroes.</summary>
    /// <param name="request">The READ.</param>
    /// <param name="offset">In the export.</param>
    /// <param name="length">Bytes.</param>
    void OnHole(ClientRequest request, ulong offset, ulong length)
    {
    }

    /// <summary>
    /// An extent of a BLOCK_STATUS: the extents of one context come in the order of their offsets, the first at the request's; the last may reach beyond.
    /// </summary>
    /// <param name="request">The BLOCK_STATUS.</param>
    /// <param name="context">Whose extent it is.</param>
    /// <param name="length">Bytes, not 0.</param>
    /// <param name="flags">What it is; for <c>base:allocation</c> <see cref="AllocationFlags"/>.</param>
    void OnExtent(ClientRequest request, in MetaContext context, ulong length, ulong flags)
    {
    }

    /// <summary>The request has failed, and the server says more of it. The request's end follows, with the first error of it.</summary>
    /// <param name="request">The request.</param>
    /// <param name="error">A positive errno.</param>
    /// <param name="offset">Where in the export, if the server said; not checked.</param>
    /// <param name="text">For people, with control characters replaced; may be empty.</param>
    void OnError(ClientRequest request, int error, ulong? offset, string text)
    {
    }

    /// <summary>
    /// The connection broke in the middle of the request, and it is sent again by another (<see cref="NbdSession"/> does that): what was told of it so far is
    /// void, and is told anew.
    /// </summary>
    /// <param name="request">The request.</param>
    void OnReissued(ClientRequest request)
    {
    }
}
