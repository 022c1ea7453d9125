using System.Runtime.InteropServices;
using Harness.Io.Native;

namespace Harness.Io;

/// <summary>
/// An open regular file for the operations of loops, and what can be done with it without waiting for a disk. A read of cached bytes is a copy, which a loop
/// does itself sooner than it could hand it to anybody: preadv2(2) with RWF_NOWAIT copies what the page cache has and waits for nothing. A file of tmpfs or
/// ramfs has no disk behind it at all; those file systems do not know RWF_NOWAIT, so that io_uring too would pass each read of it to a worker thread.
/// </summary>
/// <remarks>What is found out is kept here, for as long as the file is open. Any thread may use it.</remarks>
public sealed unsafe class RegularFile
{
    /// <summary>
    /// A longer read or write is never done on the loop's thread: its copy would keep everybody else waiting, and elsewhere it goes on beside them.
    /// </summary>
    public const int MaxBytesAtOnce = 256 << 10;

    private readonly Func<NativeSlice, long, int> _readCached;
    private volatile bool _knowsNoWait;

    /// <summary>Asks once what kind of file system it lies in.</summary>
    /// <param name="fd">The file, which the caller keeps open and closes.</param>
    /// <param name="isDirect">It was opened with O_DIRECT, so that every read and write waits for the disk.</param>
    public RegularFile(int fd, bool isDirect = false)
        : this(fd, !isDirect && LiesInMemory(fd), null)
    {
        _knowsNoWait = !isDirect && !IsInMemory;
    }

    /// <summary>For tests: what takes the place of preadv2(2) returns what that returns, or a negated errno.</summary>
    internal RegularFile(int fd, bool isInMemory, Func<NativeSlice, long, int>? readCached)
    {
        Fd = fd;
        IsInMemory = isInMemory;
        _readCached = readCached ?? ReadCached;
        _knowsNoWait = !isInMemory;
    }

    /// <summary>Its descriptor.</summary>
    public int Fd { get; }

    /// <summary>True where it lies in a file system that has no disk: tmpfs or ramfs.</summary>
    public bool IsInMemory { get; }

    /// <summary>True until the file system has said that it does not know RWF_NOWAIT, where there is a page cache to ask.</summary>
    public bool KnowsNoWait => _knowsNoWait;

    /// <summary>Does an operation at once, where that keeps nobody waiting. On the thread of its loop.</summary>
    /// <param name="operation">A read, write or flush; other kinds are never done here.</param>
    /// <param name="asksCache">
    /// True where the backend has no way of its own to read what is cached, so that RWF_NOWAIT is worth a system call. A ring reads it as part of its enter.
    /// </param>
    /// <param name="counters">Counts the system call.</param>
    /// <param name="result">The system call's result or a negated errno. A read may be short: the rest is asked for like any other read.</param>
    /// <returns>False where the backend has to do it.</returns>
    internal bool TryNow(IoOperation operation, bool asksCache, LoopCounters counters, out int result)
    {
        result = 0;
        if (operation.Kind == OperationKind.Read && !IsInMemory)
        {
            return asksCache && _knowsNoWait && operation.Buffer.Length <= MaxBytesAtOnce && TryReadCached(operation, counters, out result);
        }

        bool isCopy = operation.Kind is OperationKind.Read or OperationKind.Write && operation.Buffer.Length <= MaxBytesAtOnce;
        if (!IsInMemory || !(isCopy || operation.Kind == OperationKind.Flush))
        {
            return false;
        }

        result = DoInMemory(operation, counters);
        return true;
    }

    private static bool LiesInMemory(int fd)
    {
        StatFs.statfs_t status;
        return StatFs.fstatfs(fd, &status) == 0 && status.f_type is (StatFs.TMPFS_MAGIC or StatFs.RAMFS_MAGIC);
    }

    private int DoInMemory(IoOperation operation, LoopCounters counters)
    {
        NativeSlice buffer = operation.Buffer;
        while (true)
        {
            nint result;
            switch (operation.Kind)
            {
                case OperationKind.Read:
                    counters.Count(SystemCall.pread64);
                    result = Unistd.pread(Fd, (void*)buffer.Address, (nuint)buffer.Length, operation.Offset);
                    break;
                case OperationKind.Write:
                    counters.Count(SystemCall.pwrite64);
                    result = Unistd.pwrite(Fd, (void*)buffer.Address, (nuint)buffer.Length, operation.Offset);
                    break;
                default:
                    counters.Count(SystemCall.fdatasync);
                    result = Unistd.fdatasync(Fd);
                    break;
            }

            int errno = result < 0 ? Marshal.GetLastSystemError() : 0;
            if (errno != Errno.EINTR)
            {
                return result < 0 ? -errno : (int)result;
            }
        }
    }

    /// <summary>True where at least one byte was in the cache, or the file ends before the first.</summary>
    private bool TryReadCached(IoOperation operation, LoopCounters counters, out int result)
    {
        counters.Count(SystemCall.preadv2);
        result = _readCached(operation.Buffer, operation.Offset);
        if (result < 0 && result is not (-Errno.EAGAIN or -Errno.EINTR))
        {
            // EOPNOTSUPP, and whatever an old kernel or a sandbox says in its place: the file is never asked again. A true error will be told once more.
            _knowsNoWait = false;
        }

        return result >= 0;
    }

    private int ReadCached(NativeSlice into, long offset)
    {
        var run = new Socket.iovec { iov_base = (byte*)into.Address, iov_len = (nuint)into.Length };
        nint read = Uio.preadv2(Fd, &run, 1, offset, Uio.RWF_NOWAIT);
        return read < 0 ? -Marshal.GetLastSystemError() : (int)read;
    }
}
