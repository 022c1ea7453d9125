using Harness.Io;

namespace Harness.Copy;

/// <summary>Memory for the data of one piece, from the first that asks for it until it is released.</summary>
/// <param name="pool">Where it comes from.</param>
internal sealed class CopyMemory(CopyMemoryPool pool)
{
    private NativeBuffer? _buffer;

    /// <summary>Its first bytes, the same for all who ask.</summary>
    public NativeSlice First(ulong bytes) => (_buffer ??= pool.Take()).Slice(0, (int)bytes);

    /// <summary>Nobody reads or writes it any more.</summary>
    public void Release()
    {
        if (_buffer is { } buffer)
        {
            _buffer = null;
            pool.GiveBack(buffer);
        }
    }
}
