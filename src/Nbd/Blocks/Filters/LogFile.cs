using System.Text.Unicode;

namespace Harness.Nbd;

/// <summary>
/// The file of a <see cref="LogFilter"/>. Lines are put into memory, without allocating, by whichever loop has one; a thread of its own writes them, so that no
/// loop waits for the disk. Where the disk cannot follow, lines are left out and counted, in the log itself.
/// </summary>
internal sealed class LogFile : IDisposable
{
    private const int BufferBytes = 1 << 20;
    private const int MaxLineBytes = 256;

    private readonly FileStream _file;
    private readonly Thread _writer;
    private readonly object _lock = new();
    private byte[] _filling = new byte[BufferBytes];
    private byte[] _writing = new byte[BufferBytes];
    private int _filled;
    private long _leftOut;
    private bool _ending;

    public LogFile(string path, bool append)
    {
        _file = new FileStream(path, append ? FileMode.Append : FileMode.Create, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
        _writer = new Thread(Write) { Name = "log", IsBackground = true };
        _writer.Start();
    }

    /// <summary>A request comes.</summary>
    public void Start(BlockRequest request)
    {
        lock (_lock)
        {
            (string command, ushort flags) = (request.Command.Text(), (ushort)request.Flags);
            Span<byte> room = Room();
            if (Utf8.TryWrite(room, $"{DateTime.UtcNow:O} {request.Cookie} {command} offset={request.Offset} length={request.Length} flags={flags}\n", out int bytes))
            {
                Took(bytes);
            }
        }
    }

    /// <summary>A request ends.</summary>
    public void End(BlockRequest request, long latencyNs)
    {
        lock (_lock)
        {
            string result = request.Error == 0 ? "ok" : ErrnoText.NameOf(request.Error);
            if (Utf8.TryWrite(Room(), $"{DateTime.UtcNow:O} {request.Cookie} {request.Command.Text()} {result} us={latencyNs / 1000}\n", out int bytes))
            {
                Took(bytes);
            }
        }
    }

    /// <summary>Writes what is left and closes the file.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            _ending = true;
            Monitor.Pulse(_lock);
        }

        _writer.Join();
        _file.Dispose();
    }

    /// <summary>Where the next line may go; nothing where the writer is too far behind.</summary>
    private Span<byte> Room()
    {
        if (BufferBytes - _filled < MaxLineBytes)
        {
            _leftOut++;
            return [];
        }

        if (_leftOut > 0 && Utf8.TryWrite(_filling.AsSpan(_filled), $"{_leftOut} lines were left out\n", out int bytes))
        {
            _leftOut = 0;
            Took(bytes);
        }

        return _filling.AsSpan(_filled);
    }

    private void Took(int bytes)
    {
        _filled += bytes;
        Monitor.Pulse(_lock);
    }

    private void Write()
    {
        bool ending = false;
        while (!ending)
        {
            int bytes;
            lock (_lock)
            {
                while (_filled == 0 && !_ending)
                {
                    Monitor.Wait(_lock);
                }

                ending = _ending;
                bytes = _filled;
                _filled = 0;
                (_filling, _writing) = (_writing, _filling);
            }

            try
            {
                _file.Write(_writing, 0, bytes);
            }
            catch (IOException)
            {
                // A full disk: the server goes on without these lines, and the next ones may fit again.
                lock (_lock)
                {
                    _leftOut++;
                }
            }
        }
    }
}
