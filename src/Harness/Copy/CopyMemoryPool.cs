using Harness.Io;

namespace Harness.Copy;

/// <summary>
/// The memory of all requests of a copy: as many buffers as there ever was data in at one time, at most two for each request in flight. What was given back
/// last is taken first, since it is in the CPU's cache.
/// </summary>
/// <param name="bytes">Of each buffer.</param>
internal sealed class CopyMemoryPool(uint bytes) : IDisposable
{
    private readonly Stack<NativeBuffer> _free = new();
    private readonly List<NativeBuffer> _all = [];

    public NativeBuffer Take()
    {
        if (_free.TryPop(out NativeBuffer? buffer))
        {
            return buffer;
        }

        buffer = new NativeBuffer((int)bytes);
        _all.Add(buffer);
        return buffer;
    }

    public void GiveBack(NativeBuffer buffer) => _free.Push(buffer);

    public void Dispose() => _all.ForEach(buffer => buffer.Dispose());
}
