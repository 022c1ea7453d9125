using Harness.Io;
using Harness.Nbd;

namespace Harness.Ext2;

/// <summary>
/// Requests of the image's owner, one after the other: what the library reads and writes, and what is written into blocks that it has just given out. Each
/// returns when it is complete; meanwhile the owner's loop goes round, and what others post is only put into its queue. On the owner's thread.
/// </summary>
/// <param name="graph">The image, open.</param>
/// <param name="home">The owner's loop.</param>
internal sealed class ImageRequests(BlockGraph graph, BlockLoop home) : IBlockRequestOwner
{
    private const ulong MaxBytes = 1 << 20;

    private BlockRequest? _completed;

    /// <summary>Bytes of the image.</summary>
    public ulong Size => graph.Size;

    private int Largest => (int)Math.Min(MaxBytes, graph.Constraints.MaximumPayload);

    /// <summary>Reads. Returns 0 or an errno.</summary>
    public int Read(ulong offset, Span<byte> into)
    {
        while (!into.IsEmpty)
        {
            Span<byte> part = into[..Math.Min(into.Length, Largest)];
            if (Do(NbdCommand.Read, offset, (ulong)part.Length, default, part) is > 0 and int error)
            {
                return error;
            }

            offset += (ulong)part.Length;
            into = into[part.Length..];
        }

        return 0;
    }

    /// <summary>Writes from memory that stays in place meanwhile. Returns 0 or an errno.</summary>
    public int Write(ulong offset, NativeSlice from)
    {
        while (!from.IsEmpty)
        {
            NativeSlice part = from.Slice(0, Math.Min(from.Length, Largest));
            if (Do(NbdCommand.Write, offset, (ulong)part.Length, part, default) is > 0 and int error)
            {
                return error;
            }

            offset += (ulong)part.Length;
            from = from.Slice(part.Length);
        }

        return 0;
    }

    /// <summary>Makes durable what was written, as far as the image can. Returns 0 or an errno.</summary>
    public int Flush() => (graph.Capabilities & BlockCapabilities.Flush) == 0 ? 0 : Do(NbdCommand.Flush, 0, 0, default, default);

    /// <summary>Memory of the owner's loop.</summary>
    public PooledBuffer Rent(int length) => home.Buffers.Rent(length);

    /// <inheritdoc/>
    void IBlockRequestOwner.OnRequestCompleted(BlockRequest request) => _completed = request;

    private int Do(NbdCommand command, ulong offset, ulong length, NativeSlice payload, Span<byte> into)
    {
        BlockRequest request = home.Rent(this);
        request.Command = command;
        request.Flags = NbdCommandFlags.None;
        request.Offset = offset;
        request.Length = length;
        request.Payload = payload;
        _completed = null;
        graph.Start(request);
        while (_completed is null)
        {
            home.Loop.RunOnce();
        }

        int error = request.Error;
        if (error == 0 && !into.IsEmpty)
        {
            request.CopyAnswerTo(into);
        }

        request.Release();
        return error;
    }
}
