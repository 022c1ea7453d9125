using Harness.Io.Native;

namespace Harness.Io;

/// <summary>What the process has from malloc(3), the runtime's own use among it. See mallinfo2(3).</summary>
public static class NativeHeap
{
    private static bool _isMissing;

    /// <summary>
    /// Bytes that are allocated at present, in all arenas and in mappings of their own; null where the C library does not tell (glibc does from 2.33 on). Any
    /// thread may ask; it takes the heap's locks.
    /// </summary>
    public static long? BytesInUse
    {
        get
        {
            if (_isMissing)
            {
                return null;
            }

            try
            {
                Malloc.mallinfo2_t info = Malloc.mallinfo2();
                return (long)(info.uordblks + info.hblkhd);
            }
            catch (EntryPointNotFoundException)
            {
                _isMissing = true;
                return null;
            }
        }
    }
}
