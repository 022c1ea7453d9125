using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Harness.Io;
using Harness.Io.Native;

namespace Harness.Nbd;

/// <summary>
/// A disk whose every 8-byte word is its own offset, big endian, as nbdkit-pattern-plugin(1) has it: whoever reads can tell data from another place. A WRITE
/// of just that succeeds, and any other fails with EIO, so that a copy onto it is a comparison.
/// </summary>
/// <param name="size">Bytes.</param>
public sealed class PatternStore(ulong size) : IBlock
{
    private const int WordBytes = sizeof(ulong);

    /// <inheritdoc/>
    public string Name => "pattern";

    /// <inheritdoc/>
    public ulong Size { get; } = size;

    /// <inheritdoc/>
    public BlockCapabilities Capabilities => BlockCapabilities.Flush | BlockCapabilities.Fua | BlockCapabilities.MultiConn;

    /// <inheritdoc/>
    public BlockSizeConstraints Constraints => BlockSizeConstraints.Default;

    /// <inheritdoc/>
    public string Describe() => $"pattern:{ByteSize.Format(Size)}";

    /// <inheritdoc/>
    public void Open()
    {
    }

    /// <inheritdoc/>
    public void Start(BlockRequest request)
    {
        int error = 0;
        if (request.Command == NbdCommand.Read)
        {
            PooledBuffer buffer = request.Home.Buffers.Rent((int)request.Length);
            Fill(buffer.Slice.Span, request.Offset);
            request.AddData(buffer.Slice, buffer);
        }
        else if (request.Command == NbdCommand.Write)
        {
            error = Holds(request.Payload.Span, request.Offset) ? 0 : Errno.EIO;
        }

        request.Complete(error);
    }

    /// <summary>Nothing to free.</summary>
    public void Dispose()
    {
    }

    private static void Fill(Span<byte> data, ulong offset)
    {
        int head = Math.Min(HeadBytes(offset), data.Length);
        FillPart(data[..head], offset);
        Span<ulong> words = MemoryMarshal.Cast<byte, ulong>(data[head..]);
        ulong at = offset + (ulong)head;
        for (int i = 0; i < words.Length; i++, at += WordBytes)
        {
            words[i] = BitConverter.IsLittleEndian ? BinaryPrimitives.ReverseEndianness(at) : at;
        }

        FillPart(data[(head + (words.Length * WordBytes))..], at);
    }

    private static bool Holds(ReadOnlySpan<byte> data, ulong offset)
    {
        for (int i = 0; i < data.Length; i++)
        {
            if (data[i] != ByteAt(offset + (ulong)i))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Bytes before the next word begins.</summary>
    private static int HeadBytes(ulong offset) => (int)((WordBytes - (offset % WordBytes)) % WordBytes);

    private static void FillPart(Span<byte> data, ulong offset)
    {
        for (int i = 0; i < data.Length; i++)
        {
            data[i] = ByteAt(offset + (ulong)i);
        }
    }

    private static byte ByteAt(ulong offset)
    {
        int place = (int)(offset % WordBytes);
        return (byte)((offset - (ulong)place) >> (8 * (WordBytes - 1 - place)));
    }
}
