using System.Buffers.Binary;
using Harness.Io;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>
/// A server whose times are known: it takes one request after the other, sleeps before each reply's header, and once more in the middle of each READ's data.
/// Its export has 1 MiB of zeroes, and its handshake takes no time.
/// </summary>
internal sealed class PacedServer : IIoHandler, ITimerHandler, IDisposable
{
    private const int RequestBytes = 28;
    private readonly ITransport _transport;
    private readonly EventLoop _loop;
    private readonly long _headerNs;
    private readonly long _middleNs;
    private readonly IoOperation _receive;
    private readonly IoOperation _send;
    private readonly IoOperation _close;
    private readonly LoopTimer _timer;
    private readonly NativeBuffer _in = new(64 << 10);
    private readonly NativeBuffer _out = new(2 << 20, clear: true);
    private readonly SendVector _vector = new(4);
    private readonly List<byte> _received = [];
    private int _needed = 4;
    private int _step;
    private int _replyBytes;
    private int _firstPart;
    private bool _middleDone;

    public PacedServer(ITransport transport, long headerNs, long middleNs)
    {
        _transport = transport;
        _loop = transport.Loop;
        _headerNs = headerNs;
        _middleNs = middleNs;
        _receive = new IoOperation(this);
        _send = new IoOperation(this);
        _close = new IoOperation(this);
        _timer = new LoopTimer(this);
    }

    public bool IsClosed { get; private set; }

    public void Start()
    {
        Send([.. "NBDMAGICIHAVEOPT"u8, 0, 3]);
        _transport.Receive(_receive, _in.Whole);
    }

    public void OnCompleted(IoOperation operation, int result)
    {
        if (operation == _receive)
        {
            Received(result);
        }
        else if (operation == _send)
        {
            Sent(result);
        }
        else
        {
            IsClosed = true;
        }
    }

    public void OnTimer(LoopTimer timer)
    {
        if (_middleDone)
        {
            _vector.Add(_out.Slice(_firstPart, _replyBytes - _firstPart));
        }
        else
        {
            _vector.Add(_out.Slice(0, _firstPart));
        }

        _transport.Send(_send, _vector);
    }

    public void Dispose()
    {
        _in.Dispose();
        _out.Dispose();
        _vector.Dispose();
    }

    private void Received(int bytes)
    {
        if (bytes <= 0)
        {
            _transport.Close(_close);
            return;
        }

        _received.AddRange(_in.Slice(0, bytes).Span);
        Next();
        _transport.Receive(_receive, _in.Whole);
    }

    // Steps: the client's flags, its GO, then requests; one at a time.
    private void Next()
    {
        if (_vector.Bytes > 0 || _timer.IsRunning || _received.Count < _needed)
        {
            return;
        }

        byte[] message = [.. _received.Take(_needed)];
        switch (_step)
        {
            case 0:
                Take(1, 16);
                Next();
                break;
            case 1:
                _needed = 16 + (int)BinaryPrimitives.ReadUInt32BigEndian(message.AsSpan(12));
                _step = 2;
                Next();
                break;
            case 2:
                Take(3, RequestBytes);
                Send([.. OptionReply(3, [0, 0, .. Wire.U64(1 << 20), 0, 1]), .. OptionReply(1, [])]);
                break;
            default:
                Answer(message);
                break;
        }
    }

    private void Take(int step, int needed)
    {
        _received.RemoveRange(0, _needed);
        _step = step;
        _needed = needed;
    }

    private void Answer(byte[] request)
    {
        var command = (NbdCommand)BinaryPrimitives.ReadUInt16BigEndian(request.AsSpan(6));
        int length = (int)BinaryPrimitives.ReadUInt32BigEndian(request.AsSpan(24));
        if (command == NbdCommand.Write && _received.Count < RequestBytes + length)
        {
            _needed = RequestBytes + length;
            return;
        }

        _needed = command == NbdCommand.Write ? RequestBytes + length : RequestBytes;
        Take(3, RequestBytes);
        if (command == NbdCommand.Disconnect)
        {
            return;
        }

        int data = command == NbdCommand.Read ? length : 0;
        Wire.Reply(BinaryPrimitives.ReadUInt64BigEndian(request.AsSpan(8))).CopyTo(_out.Whole.Span);
        _replyBytes = 16 + data;
        _firstPart = 16 + (data / 2);
        _middleDone = false;
        _loop.StartTimer(_timer, _loop.NowNs + _headerNs);
    }

    private void Sent(int bytes)
    {
        _vector.Advance(bytes);
        if (!_vector.IsEmpty)
        {
            _transport.Send(_send, _vector);
        }
        else if (_step == 3 && !_middleDone && _replyBytes > _firstPart)
        {
            _middleDone = true;
            _loop.StartTimer(_timer, _loop.NowNs + _middleNs);
        }
        else
        {
            Next();
        }
    }

    private void Send(byte[] bytes)
    {
        bytes.CopyTo(_out.Whole.Span);
        _middleDone = true;
        _vector.Add(_out.Slice(0, bytes.Length));
        _transport.Send(_send, _vector);
    }

    private static byte[] OptionReply(uint type, byte[] data) =>
        [.. Wire.U64(0x0003e889045565a9), .. Wire.U32(7), .. Wire.U32(type), .. Wire.U32((uint)data.Length), .. data];
}
