using System.Runtime.InteropServices;

namespace Harness.Io;

/// <summary>
/// One completion, copied out of the queue: the <c>io_uring_cqe</c> of <c>io_uring_enter(2)</c>. It stays valid after its slot is released.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
public readonly struct Cqe
{
    /// <summary>The value that the submission carried.</summary>
    public readonly ulong UserData;

    /// <summary>What the operation returned: a count or a descriptor, or minus errno.</summary>
    public readonly int Result;

    /// <summary>All flags as the kernel posted them; the upper 16 bits are the buffer id where <see cref="HasBuffer"/>.</summary>
    public readonly CqeFlags Flags;

    /// <summary>Makes a completion by hand, for tests and simulated rings.</summary>
    public Cqe(ulong userData, int result, CqeFlags flags) => (UserData, Result, Flags) = (userData, result, flags);

    /// <summary>The request lives on. Only this flag tells that a multishot request has ended, never the sign of the result.</summary>
    public bool HasMore => (Flags & CqeFlags.MORE) != 0;

    /// <summary>A provided buffer holds the data; its id is <see cref="BufferId"/>.</summary>
    public bool HasBuffer => (Flags & CqeFlags.BUFFER) != 0;

    /// <summary>Id of the provided buffer, 0 to 32767; means something only where <see cref="HasBuffer"/>.</summary>
    public ushort BufferId => (ushort)((uint)Flags >> 16);

    /// <summary>The kernel goes on filling the same provided buffer (incremental rings).</summary>
    public bool BufferHasMore => (Flags & CqeFlags.BUF_MORE) != 0;

    /// <summary>The socket had more data to read when this was posted.</summary>
    public bool SocketNonEmpty => (Flags & CqeFlags.SOCK_NONEMPTY) != 0;

    /// <summary>The second completion of a zero-copy send: the buffer may be used again.</summary>
    public bool IsNotification => (Flags & CqeFlags.NOTIF) != 0;
}
