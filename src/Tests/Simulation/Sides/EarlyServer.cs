using System.Buffers.Binary;
using Harness.Io;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>
/// A server in memory that answers in any order, with errors now and then, and often before it has read what it answers: a WRITE as soon as its header has
/// come, and, where it lies, requests that have not come at all. Everything is in simple replies.
/// </summary>
internal sealed class EarlyServer : IIoHandler, IDisposable
{
    private const int RequestBytes = 28;
    private readonly ITransport _transport;
    private readonly Random _random;
    private readonly bool _lies;
    private readonly IoOperation _receive;
    private readonly IoOperation _send;
    private readonly IoOperation _close;
    private readonly NativeBuffer _in = new(4096);
    private readonly NativeBuffer _out;
    private readonly SendVector _vector = new(1);
    private readonly List<byte> _received = [];
    private readonly List<byte[]> _answers = [];
    private readonly HashSet<ulong> _madeUp = [];
    private Stage _stage;
    private int _writeAt;
    private int _writeLeft;
    private byte[]? _answerAfterWrite;

    /// <param name="transport">The client.</param>
    /// <param name="random">Decides everything.</param>
    /// <param name="diskBytes">Bytes of the export, zeroes at first.</param>
    /// <param name="lies">Whether it answers what it was not asked, and guesses the cookie.</param>
    public EarlyServer(ITransport transport, Random random, int diskBytes, bool lies)
    {
        (_transport, _random, _lies) = (transport, random, lies);
        Disk = new byte[diskBytes];
        _out = new NativeBuffer(diskBytes + 4096);
        _receive = new IoOperation(this);
        _send = new IoOperation(this);
        _close = new IoOperation(this);
    }

    private enum Stage
    {
        Flags,
        Option,
        Requests,
        Leaving,
    }

    public byte[] Disk { get; }

    /// <summary>It has answered what it was not asked.</summary>
    public bool HasLied { get; private set; }

    public bool IsClosed { get; private set; }

    public void Start()
    {
        _answers.Add([.. "NBDMAGICIHAVEOPT"u8, 0, 3]);
        _transport.Receive(_receive, _in.Whole);
    }

    /// <summary>Begins to send one of the answers that wait, or not yet.</summary>
    public void Step()
    {
        if (_send.IsPending || _stage == Stage.Leaving || _answers.Count == 0 || _random.Next(3) == 0)
        {
            return;
        }

        // In the handshake there is one at a time.
        int next = _random.Next(_answers.Count);
        byte[] answer = _answers[next];
        _answers.RemoveAt(next);
        answer.CopyTo(_out.Whole.Span);
        _vector.Clear();
        _vector.Add(_out.Slice(0, answer.Length));
        _transport.Send(_send, _vector);
    }

    public void OnCompleted(IoOperation operation, int result)
    {
        if (operation == _close)
        {
            IsClosed = true;
        }
        else if (_stage != Stage.Leaving && result <= 0)
        {
            Leave();
        }
        else if (_stage != Stage.Leaving && operation == _receive)
        {
            _received.AddRange(_in.Slice(0, result).Span);
            Take();
        }
        else if (_stage != Stage.Leaving)
        {
            _vector.Advance(result);
            if (!_vector.IsEmpty)
            {
                _transport.Send(_send, _vector);
            }
        }
    }

    public void Dispose()
    {
        _in.Dispose();
        _out.Dispose();
        _vector.Dispose();
    }

    private void Take()
    {
        while (_stage != Stage.Leaving && TakeOne())
        {
        }

        if (_stage != Stage.Leaving)
        {
            _transport.Receive(_receive, _in.Whole);
        }
    }

    /// <summary>False where more bytes have to come.</summary>
    private bool TakeOne()
    {
        switch (_stage)
        {
            case Stage.Flags when _received.Count >= 4:
                _received.RemoveRange(0, 4);
                _stage = Stage.Option;
                return true;
            case Stage.Option when _received.Count >= 16 && _received.Count >= OptionBytes:
                _received.RemoveRange(0, OptionBytes);
                _stage = Stage.Requests;
                _answers.Add([.. Reply(3, [0, 0, .. Wire.U64((ulong)Disk.Length), 0, 1]), .. Reply(1, [])]);
                return true;
            case Stage.Requests when _writeLeft > 0:
                return TakeData();
            case Stage.Requests when _received.Count >= RequestBytes:
                byte[] header = [.. _received.Take(RequestBytes)];
                _received.RemoveRange(0, RequestBytes);
                TakeRequest(header);
                return true;
            default:
                return false;
        }
    }

    // GO, with a short name.
    private int OptionBytes => 16 + _received[15];

    private void TakeRequest(byte[] header)
    {
        var command = (NbdCommand)BinaryPrimitives.ReadUInt16BigEndian(header.AsSpan(6));
        ulong cookie = BinaryPrimitives.ReadUInt64BigEndian(header.AsSpan(8));
        int offset = (int)BinaryPrimitives.ReadUInt64BigEndian(header.AsSpan(16));
        int length = (int)BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(24));
        uint error = _random.Next(12) == 0 ? (uint)NbdError.ENOSPC : 0;
        byte[] data = command == NbdCommand.Read && error == 0 ? Disk[offset..(offset + length)] : [];
        byte[]? answer = _madeUp.Remove(cookie) ? null : [.. ClientScript.ReplyBytes(cookie, error), .. data];
        switch (command)
        {
            case NbdCommand.Disconnect:
                Leave();
                break;
            case NbdCommand.Write:
                (_writeAt, _writeLeft, _answerAfterWrite) = (offset, length, answer);
                if (_random.Next(2) == 0)
                {
                    _answerAfterWrite = null;
                    Answer(answer, cookie);
                }

                break;
            default:
                Answer(answer, cookie);
                break;
        }
    }

    /// <summary>What has come of a WRITE's data is on the disk, even where the answer is an error.</summary>
    private bool TakeData()
    {
        int count = Math.Min(_writeLeft, _received.Count);
        _received.CopyTo(0, Disk, _writeAt, count);
        _received.RemoveRange(0, count);
        _writeAt += count;
        _writeLeft -= count;
        if (_writeLeft == 0 && _answerAfterWrite is { } answer)
        {
            _answerAfterWrite = null;
            Answer(answer, BinaryPrimitives.ReadUInt64BigEndian(answer.AsSpan(8)));
        }

        return count > 0;
    }

    private void Answer(byte[]? answer, ulong cookie)
    {
        if (answer is not null)
        {
            _answers.Add(answer);
        }

        // The next use of the same place, as far as one can guess.
        ulong guess = cookie + (1ul << 32);
        if (_lies && _random.Next(8) == 0 && _madeUp.Add(guess))
        {
            HasLied = true;
            _answers.Add(ClientScript.ReplyBytes(guess, (uint)NbdError.ENOSPC));
        }
    }

    private void Leave()
    {
        _stage = Stage.Leaving;
        _transport.Close(_close);
    }

    private static byte[] Reply(uint type, byte[] data) =>
        [.. Wire.U64(0x0003e889045565a9), .. Wire.U32(7), .. Wire.U32(type), .. Wire.U32((uint)data.Length), .. data];
}
