using Harness.Io.Native;

namespace Harness.Io;

// Entries for files, pipes and descriptors as such.
public sealed unsafe partial class Ring
{
    /// <summary>The offset that means the file's own position, and the only one for pipes and sockets.</summary>
    public const ulong CurrentPosition = ulong.MaxValue;

    /// <summary>Prepares <c>pread(2)</c> (5.6).</summary>
    /// <param name="fd">The file.</param>
    /// <param name="buffer">Address of native memory, valid until the completion.</param>
    /// <param name="length">Its bytes.</param>
    /// <param name="offset">Where in the file, or <see cref="CurrentPosition"/>.</param>
    /// <param name="userData">Comes back with the bytes read; 0 is the end of the file.</param>
    /// <param name="flags">Entry flags.</param>
    /// <returns>False when the queue is full.</returns>
    public bool PrepareRead(int fd, nint buffer, uint length, ulong offset, ulong userData, SqeFlags flags = SqeFlags.NONE) =>
        Entry(RingOpcode.READ, fd, buffer, length, offset, userData, flags) != null;

    /// <summary>Prepares <c>pwrite(2)</c> (5.6).</summary>
    /// <param name="fd">The file.</param>
    /// <param name="buffer">Address of native memory, valid until the completion.</param>
    /// <param name="length">Its bytes.</param>
    /// <param name="offset">Where in the file, or <see cref="CurrentPosition"/>.</param>
    /// <param name="userData">Comes back with the bytes written.</param>
    /// <param name="flags">Entry flags.</param>
    /// <returns>False when the queue is full.</returns>
    public bool PrepareWrite(int fd, nint buffer, uint length, ulong offset, ulong userData, SqeFlags flags = SqeFlags.NONE) =>
        Entry(RingOpcode.WRITE, fd, buffer, length, offset, userData, flags) != null;

    /// <summary>Prepares <c>preadv(2)</c> (5.1).</summary>
    /// <param name="fd">The file.</param>
    /// <param name="vectors">Address of <c>iovec</c>s, valid until submitted; the memory they name, until the completion.</param>
    /// <param name="count">So many of them, at most 1024.</param>
    /// <param name="offset">Where in the file, or <see cref="CurrentPosition"/>.</param>
    /// <param name="userData">Comes back with the bytes read.</param>
    /// <param name="flags">Entry flags.</param>
    /// <returns>False when the queue is full.</returns>
    public bool PrepareReadVectored(int fd, nint vectors, uint count, ulong offset, ulong userData, SqeFlags flags = SqeFlags.NONE) =>
        Entry(RingOpcode.READV, fd, vectors, count, offset, userData, flags) != null;

    /// <summary>Prepares <c>pwritev(2)</c> (5.1).</summary>
    /// <param name="fd">The file.</param>
    /// <param name="vectors">Address of <c>iovec</c>s, valid until submitted; the memory they name, until the completion.</param>
    /// <param name="count">So many of them, at most 1024.</param>
    /// <param name="offset">Where in the file, or <see cref="CurrentPosition"/>.</param>
    /// <param name="userData">Comes back with the bytes written.</param>
    /// <param name="flags">Entry flags.</param>
    /// <returns>False when the queue is full.</returns>
    public bool PrepareWriteVectored(int fd, nint vectors, uint count, ulong offset, ulong userData, SqeFlags flags = SqeFlags.NONE) =>
        Entry(RingOpcode.WRITEV, fd, vectors, count, offset, userData, flags) != null;

    /// <summary>Prepares a read into a part of a registered buffer (5.1).</summary>
    /// <param name="fd">The file.</param>
    /// <param name="buffer">Address inside the registered buffer.</param>
    /// <param name="length">Bytes, all inside it.</param>
    /// <param name="offset">Where in the file, or <see cref="CurrentPosition"/>.</param>
    /// <param name="bufferIndex">Index of the registered buffer.</param>
    /// <param name="userData">Comes back with the bytes read.</param>
    /// <param name="flags">Entry flags.</param>
    /// <returns>False when the queue is full.</returns>
    public bool PrepareReadFixed(int fd, nint buffer, uint length, ulong offset, ushort bufferIndex, ulong userData, SqeFlags flags = SqeFlags.NONE) =>
        WithBuffer(Entry(RingOpcode.READ_FIXED, fd, buffer, length, offset, userData, flags), bufferIndex);

    /// <summary>Prepares a write from a part of a registered buffer (5.1).</summary>
    /// <param name="fd">The file.</param>
    /// <param name="buffer">Address inside the registered buffer.</param>
    /// <param name="length">Bytes, all inside it.</param>
    /// <param name="offset">Where in the file, or <see cref="CurrentPosition"/>.</param>
    /// <param name="bufferIndex">Index of the registered buffer.</param>
    /// <param name="userData">Comes back with the bytes written.</param>
    /// <param name="flags">Entry flags.</param>
    /// <returns>False when the queue is full.</returns>
    public bool PrepareWriteFixed(int fd, nint buffer, uint length, ulong offset, ushort bufferIndex, ulong userData, SqeFlags flags = SqeFlags.NONE) =>
        WithBuffer(Entry(RingOpcode.WRITE_FIXED, fd, buffer, length, offset, userData, flags), bufferIndex);

    /// <summary>
    /// Prepares a read that goes on, each time into a buffer from a <see cref="BufferRing"/>; for pipes and other files that can be polled (6.7).
    /// </summary>
    /// <param name="fd">The file.</param>
    /// <param name="groupId">The buffers' group.</param>
    /// <param name="userData">Comes back in each completion.</param>
    /// <param name="flags">Entry flags beside <see cref="SqeFlags.BUFFER_SELECT"/>.</param>
    /// <returns>False when the queue is full.</returns>
    public bool PrepareReadMultishot(int fd, ushort groupId, ulong userData, SqeFlags flags = SqeFlags.NONE) =>
        WithBuffer(Entry(RingOpcode.READ_MULTISHOT, fd, 0, 0, CurrentPosition, userData, flags | SqeFlags.BUFFER_SELECT), groupId);

    /// <summary>
    /// Prepares <c>fsync(2)</c> or <c>fdatasync(2)</c> (5.1). It does not wait for writes in flight: link it, or start it after their completions.
    /// </summary>
    /// <param name="fd">The file.</param>
    /// <param name="dataOnly"><c>fdatasync(2)</c>.</param>
    /// <param name="userData">Comes back with 0 or minus errno.</param>
    /// <param name="flags">Entry flags.</param>
    /// <returns>False when the queue is full.</returns>
    public bool PrepareFsync(int fd, bool dataOnly, ulong userData, SqeFlags flags = SqeFlags.NONE)
    {
        io_uring_sqe* sqe = Entry(RingOpcode.FSYNC, fd, userData, flags);
        if (sqe == null)
        {
            return false;
        }

        sqe->rw_flags = dataOnly ? IoUring.IORING_FSYNC_DATASYNC : 0;
        return true;
    }

    /// <summary>Prepares <c>fallocate(2)</c> (5.6): room, holes and zeroes.</summary>
    /// <param name="fd">The file.</param>
    /// <param name="mode"><c>FALLOC_FL_*</c>.</param>
    /// <param name="offset">Where in the file.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="userData">Comes back with 0 or minus errno.</param>
    /// <param name="flags">Entry flags.</param>
    /// <returns>False when the queue is full.</returns>
    public bool PrepareFallocate(int fd, int mode, ulong offset, ulong length, ulong userData, SqeFlags flags = SqeFlags.NONE) =>
        Entry(RingOpcode.FALLOCATE, fd, (nint)length, (uint)mode, offset, userData, flags) != null;

    /// <summary>Prepares <c>posix_fadvise(2)</c> (5.6).</summary>
    /// <param name="fd">The file.</param>
    /// <param name="advice"><c>POSIX_FADV_*</c>.</param>
    /// <param name="offset">Where in the file.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="userData">Comes back with 0 or minus errno.</param>
    /// <param name="flags">Entry flags.</param>
    /// <returns>False when the queue is full.</returns>
    public bool PrepareFadvise(int fd, int advice, ulong offset, uint length, ulong userData, SqeFlags flags = SqeFlags.NONE)
    {
        io_uring_sqe* sqe = Entry(RingOpcode.FADVISE, fd, 0, length, offset, userData, flags);
        if (sqe == null)
        {
            return false;
        }

        sqe->rw_flags = (uint)advice;
        return true;
    }

    /// <summary>Prepares <c>close(2)</c> (5.6). It ends no request on the descriptor: cancel first, and take their completions.</summary>
    /// <param name="fd">The descriptor.</param>
    /// <param name="userData">Comes back with 0 or minus errno.</param>
    /// <param name="flags">Entry flags.</param>
    /// <returns>False when the queue is full.</returns>
    public bool PrepareClose(int fd, ulong userData, SqeFlags flags = SqeFlags.NONE) => Entry(RingOpcode.CLOSE, fd, userData, flags) != null;

    private static bool WithBuffer(io_uring_sqe* sqe, ushort bufferIndexOrGroup)
    {
        if (sqe == null)
        {
            return false;
        }

        sqe->buf_index = bufferIndexOrGroup;
        return true;
    }
}
