using System.Runtime.InteropServices;
using Harness.Io.Native;

namespace Harness.Io;

/// <summary>
/// File operations for backends that only know readiness: a regular file is always "ready" and yet blocks, so a few threads make the blocking calls
/// and post the results back.
/// </summary>
internal sealed unsafe class FileWorkers : IDisposable
{
    // As deep as a disk's queue wants to be before more threads only wait for the same device.
    private const int Threads = 8;

    private readonly WorkerThreads<IoOperation> _threads;
    private readonly EventLoop _loop;

    public FileWorkers(EventLoop loop)
    {
        _loop = loop;
        _threads = new WorkerThreads<IoOperation>(Threads, "harness-file", Work);
    }

    public void Submit(IoOperation operation)
    {
        operation.CancelRequested = false;
        _threads.Submit(operation);
    }

    public void Dispose() => _threads.Dispose();

    private static int Execute(IoOperation operation)
    {
        NativeSlice buffer = operation.Buffer;
        int fd = operation.Fd;
        while (true)
        {
            nint result = operation.Kind switch
            {
                OperationKind.Read => Unistd.pread(fd, (void*)buffer.Address, (nuint)buffer.Length, operation.Offset),
                OperationKind.Write => Unistd.pwrite(fd, (void*)buffer.Address, (nuint)buffer.Length, operation.Offset),
                OperationKind.Flush => Unistd.fdatasync(fd),
                OperationKind.Allocate => Unistd.fallocate(fd, operation.Mode, operation.Offset, operation.Length),
                OperationKind.ReadAhead => Advise(operation),
                _ => throw new InvalidOperationException($"{operation.Kind} is not a file operation"),
            };
            if (result >= 0)
            {
                return (int)result;
            }

            int errno = operation.Kind == OperationKind.ReadAhead ? (int)-result : Marshal.GetLastSystemError();
            if (errno != Errno.EINTR)
            {
                return -errno;
            }
        }
    }

    // It returns the error itself.
    private static int Advise(IoOperation operation) => -Unistd.posix_fadvise(operation.Fd, operation.Offset, operation.Length, Unistd.POSIX_FADV_WILLNEED);

    private void Work(IoOperation operation)
    {
        int result = Volatile.Read(ref operation.CancelRequested) ? -Errno.ECANCELED : Execute(operation);
        _loop.CompleteFromAnyThread(operation, result);
    }
}
