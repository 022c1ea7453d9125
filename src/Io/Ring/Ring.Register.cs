using System.Runtime.InteropServices;
using Harness.Io.Native;

namespace Harness.Io;

// Registration: what the kernel looks up once instead of on every request. io_uring_register(2). None of it is on the hot path; failures throw.
public sealed unsafe partial class Ring
{
    /// <summary>True while calls go through a registered descriptor of the ring.</summary>
    public bool IsRingFdRegistered => _enterFlags != EnterFlags.NONE;

    /// <summary>
    /// Registers the ring's descriptor for the calling thread (5.18); from then on every enter uses it. Only this thread may then enter: others get
    /// <c>-EINVAL</c>.
    /// </summary>
    /// <returns>False where the kernel is too old; then nothing changes.</returns>
    /// <exception cref="RingException">The kernel refused.</exception>
    public bool RegisterRingFd()
    {
        if (IsRingFdRegistered)
        {
            return true;
        }

        io_uring_rsrc_update update = new() { offset = uint.MaxValue, data = (ulong)_fd };
        int result = IoUring.Register(_fd, IoUring.IORING_REGISTER_RING_FDS, &update, 1);
        if (result == -Errno.EINVAL)
        {
            return false;
        }

        if (result < 0)
        {
            throw new RingException(nameof(IoUring.IORING_REGISTER_RING_FDS), -result);
        }

        (_enterFd, _enterFlags) = ((int)update.offset, EnterFlags.REGISTERED_RING);
        return true;
    }

    /// <summary>Undoes <see cref="RegisterRingFd"/>, on the same thread.</summary>
    /// <exception cref="RingException">The kernel refused.</exception>
    public void UnregisterRingFd()
    {
        int result = IsRingFdRegistered ? TryUnregisterRingFd() : 1;
        if (result < 0)
        {
            throw new RingException(nameof(IoUring.IORING_UNREGISTER_RING_FDS), -result);
        }
    }

    /// <summary>Makes a table of registered files with empty slots; entries name them by index with <see cref="SqeFlags.FIXED_FILE"/>.</summary>
    /// <param name="count">Slots, 1 or more, at most <c>RLIMIT_NOFILE</c>.</param>
    /// <exception cref="RingException">The kernel refused; <c>EBUSY</c> when there is a table, <c>EMFILE</c> when it is too large.</exception>
    public void RegisterFilesSparse(uint count)
    {
        io_uring_rsrc_register table = new() { nr = count, flags = IoUring.IORING_RSRC_REGISTER_SPARSE };
        int result = IoUring.Register(_fd, IoUring.IORING_REGISTER_FILES2, &table, (uint)sizeof(io_uring_rsrc_register));
        if (result == -Errno.EINVAL)
        {
            // Before 5.19 a sparse table is one that is full of -1.
            int[] none = new int[count];
            Array.Fill(none, -1);
            fixed (int* fds = none)
            {
                result = IoUring.Register(_fd, IoUring.IORING_REGISTER_FILES, fds, count);
            }
        }
        if (result < 0)
        {
            throw new RingException(nameof(IoUring.IORING_REGISTER_FILES2), -result);
        }
    }

    /// <summary>Puts descriptors into slots of the table; -1 empties a slot. A request in flight keeps the file it started with.</summary>
    /// <param name="offset">The first slot.</param>
    /// <param name="fileDescriptors">One descriptor for each slot.</param>
    /// <exception cref="RingException">The kernel refused; <c>EINVAL</c> beyond the table, <c>EBADF</c> for a descriptor that is not open.</exception>
    public void UpdateFiles(uint offset, ReadOnlySpan<int> fileDescriptors)
    {
        fixed (int* fds = fileDescriptors)
        {
            io_uring_files_update update = new() { offset = offset, fds = (ulong)fds };
            int done = Register(IoUring.IORING_REGISTER_FILES_UPDATE, &update, (uint)fileDescriptors.Length, nameof(IoUring.IORING_REGISTER_FILES_UPDATE));
            // The kernel stops at a bad descriptor and says how far it came.
            if (done < fileDescriptors.Length)
            {
                throw new RingException($"{nameof(IoUring.IORING_REGISTER_FILES_UPDATE)} at slot {offset + (uint)done}", Errno.EBADF);
            }
        }
    }

    /// <summary>Removes the table of registered files.</summary>
    /// <exception cref="RingException">The kernel refused; <c>ENXIO</c> when there is none.</exception>
    public void UnregisterFiles() => Register(IoUring.IORING_UNREGISTER_FILES, null, 0, nameof(IoUring.IORING_UNREGISTER_FILES));

    /// <summary>
    /// Registers memory for <see cref="PrepareReadFixed"/> and <see cref="PrepareWriteFixed"/>: the kernel keeps it mapped, and counts it as locked memory.
    /// </summary>
    /// <param name="buffers">Buffer <c>i</c> is named by index <c>i</c>. They must outlive the registration.</param>
    /// <exception cref="RingException">The kernel refused; <c>ENOMEM</c> beyond <c>ulimit -l</c>, <c>EBUSY</c> when buffers are registered.</exception>
    public void RegisterBuffers(ReadOnlySpan<RegisteredBuffer> buffers)
    {
        fixed (RegisteredBuffer* iovecs = buffers)
        {
            Register(IoUring.IORING_REGISTER_BUFFERS, iovecs, (uint)buffers.Length, nameof(IoUring.IORING_REGISTER_BUFFERS));
        }
    }

    /// <summary>Undoes <see cref="RegisterBuffers"/>.</summary>
    /// <exception cref="RingException">The kernel refused; <c>ENXIO</c> when there are none.</exception>
    public void UnregisterBuffers() => Register(IoUring.IORING_UNREGISTER_BUFFERS, null, 0, nameof(IoUring.IORING_UNREGISTER_BUFFERS));

    /// <summary>Registers a ring of buffers from which the kernel takes one when data arrives (5.19). Dispose it, before the ring, to unregister.</summary>
    /// <param name="groupId">The group that entries name; one ring per group.</param>
    /// <param name="entries">Buffers, a power of two up to 32768.</param>
    /// <param name="bufferSize">Bytes of each.</param>
    /// <param name="incremental">The kernel fills a buffer bit by bit, over several completions (6.12).</param>
    /// <exception cref="RingException">The kernel refused; <c>EINVAL</c> where it is too old, <c>EEXIST</c> when the group is in use.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A size is out of its range.</exception>
    public BufferRing RegisterBufferRing(ushort groupId, int entries, int bufferSize, bool incremental = false) =>
        new(this, groupId, entries, bufferSize, incremental);

    internal int Register(uint opcode, void* argument, uint count, string name)
    {
        int result = IoUring.Register(_fd, opcode, argument, count);
        return result >= 0 ? result : throw new RingException(name, -result);
    }

    private int TryUnregisterRingFd()
    {
        io_uring_rsrc_update update = new() { offset = (uint)_enterFd };
        int result = IoUring.Register(_fd, IoUring.IORING_UNREGISTER_RING_FDS, &update, 1);
        if (result >= 0)
        {
            (_enterFd, _enterFlags) = (_fd, EnterFlags.NONE);
        }

        return result;
    }
}

/// <summary>Memory to register with a ring: the <c>iovec</c> of <c>readv(2)</c>.</summary>
/// <param name="Address">Its first byte, in native memory.</param>
/// <param name="Length">Its bytes, up to 1 GiB.</param>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct RegisteredBuffer(nint Address, nuint Length);
