using Harness.Io;

namespace Harness.Nbd;

/// <summary>
/// What one send of a connection needs beside the data: the vector of runs, and the headers that some of the runs are. Lent for the time of a send, so that a
/// connection with nothing to send holds none of it. It belongs to one loop's thread.
/// </summary>
internal sealed class SendFrame
{
    /// <summary>Bytes for headers: those of 1024 simple replies.</summary>
    public const int HeaderBytes = 1024 * Replies.SimpleSize;

    private readonly NativeBuffer _headers = new(HeaderBytes);

    public SendVector Vector { get; } = new();

    internal SendFrame? Next { get; set; }

    public NativeSlice Headers(int at, int bytes) => _headers.Slice(at, bytes);

    public void Free()
    {
        Vector.Dispose();
        _headers.Dispose();
    }
}

/// <summary>The frames of one loop; the one that came back last is lent first, since it is likely to be in the cache.</summary>
internal sealed class SendFramePool : IDisposable
{
    // As many connections as this may be in the middle of a send at once and find their frames again: 32 MiB, of which only what was used takes memory.
    private const int MaxKept = 1024;

    private SendFrame? _free;
    private int _kept;

    public SendFrame Rent()
    {
        if (_free is not { } frame)
        {
            return new SendFrame();
        }

        _free = frame.Next;
        frame.Next = null;
        _kept--;
        return frame;
    }

    /// <summary>No send uses it any more.</summary>
    public void Return(SendFrame frame)
    {
        if (_kept == MaxKept)
        {
            frame.Free();
            return;
        }

        frame.Vector.Clear();
        frame.Next = _free;
        _free = frame;
        _kept++;
    }

    /// <summary>Gives back to the system what is kept beyond so many frames.</summary>
    public void Trim(int keep)
    {
        while (_kept > keep)
        {
            Rent().Free();
        }
    }

    public void Dispose() => Trim(0);
}
