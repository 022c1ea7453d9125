using System.Runtime.InteropServices;
using Harness.Io.Native;

namespace Harness.Io;

/// <summary>
/// File operations for backends that only know readiness: a regular file is always "ready" and yet blocks, so a few threads make the blocking calls
/// and post the results back. Threads start with the first operation; a loop that serves no file has none.
/// </summary>
internal sealed unsafe class FileWorkers(EventLoop loop) : IDisposable
{
    // As deep as a disk's queue wants to be before more threads only wait for the same device.
    private const int Threads = 8;

    private readonly Queue<IoOperation> _queue = new();
    private readonly List<Thread> _threads = [];
    private int _idle;
    private bool _stopping;

    public void Submit(IoOperation operation)
    {
        operation.CancelRequested = false;
        lock (_queue)
        {
            _queue.Enqueue(operation);
            if (_idle < _queue.Count && _threads.Count < Threads)
            {
                var thread = new Thread(Work) { IsBackground = true, Name = $"harness-file-{_threads.Count}" };
                _threads.Add(thread);
                thread.Start();
            }

            Monitor.Pulse(_queue);
        }
    }

    public void Dispose()
    {
        lock (_queue)
        {
            _stopping = true;
            _queue.Clear();
            Monitor.PulseAll(_queue);
        }

        foreach (Thread thread in _threads)
        {
            thread.Join();
        }
    }

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

    private void Work()
    {
        while (TryTake(out IoOperation operation))
        {
            int result = Volatile.Read(ref operation.CancelRequested) ? -Errno.ECANCELED : Execute(operation);
            loop.CompleteFromAnyThread(operation, result);
        }
    }

    private bool TryTake(out IoOperation operation)
    {
        lock (_queue)
        {
            _idle++;
            while (_queue.Count == 0 && !_stopping)
            {
                Monitor.Wait(_queue);
            }

            _idle--;
            operation = _stopping ? null! : _queue.Dequeue();
            return !_stopping;
        }
    }
}
