using Harness.Io;
using Harness.Io.Native;
using Harness.Nbd;

namespace Harness.Copy;

/// <summary>One request on its way through a file, by operations of the loop: as many as it takes, since each may be short.</summary>
internal sealed class FilePort : CopyPort, IIoHandler
{
    private readonly FileEnd _file;
    private readonly EventLoop _loop;
    private readonly ICopyHandler _handler;
    private readonly IoOperation _operation;
    private CopyAction _action;
    private ulong _offset;
    private NativeSlice _left;

    public FilePort(FileEnd file, EventLoop loop, ICopyHandler handler)
    {
        _file = file;
        _loop = loop;
        _handler = handler;
        _operation = new IoOperation(this);
    }

    public override int? Start(CopyAction action, ulong offset, ulong length, CopyMemory? memory)
    {
        (_action, _offset, _left) = (action, offset, memory?.First(length) ?? default);
        if (action == CopyAction.Flush)
        {
            _loop.Flush(_operation, _file.Fd);
        }
        else
        {
            Continue();
        }

        return null;
    }

    public void OnCompleted(IoOperation operation, int result)
    {
        if (_action == CopyAction.Flush)
        {
            _handler.Completed(result < 0 ? -result : 0);
        }
        else if (result is -Errno.EINTR or -Errno.EAGAIN)
        {
            Continue();
        }
        else if (result <= 0)
        {
            // Nothing where there should be something: the file was cut short behind our back.
            _handler.Completed(result == 0 ? Errno.EIO : -result);
        }
        else
        {
            _left = _left.Slice(result);
            _offset += (ulong)result;
            if (_left.IsEmpty)
            {
                _handler.Completed(0);
            }
            else
            {
                Continue();
            }
        }
    }

    private void Continue()
    {
        if (_action == CopyAction.Read)
        {
            _loop.Read(_operation, _file.Fd, _left, (long)_offset);
        }
        else
        {
            _loop.Write(_operation, _file.Fd, _left, (long)_offset);
        }
    }
}
