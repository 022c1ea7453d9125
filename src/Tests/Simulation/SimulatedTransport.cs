using Harness.Io;
using Harness.Io.Native;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>How a simulated stream cuts what goes through it.</summary>
/// <param name="Random">Where the cuts fall; the same seed gives the same run.</param>
/// <param name="MaxReceive">Bytes of one receive at most.</param>
/// <param name="MaxSend">Bytes that one send takes at most.</param>
internal sealed record Cuts(Random Random, int MaxReceive = int.MaxValue, int MaxSend = int.MaxValue)
{
    public static Cuts None { get; } = new(new Random(0));

    public int Receive(int available) => Cut(available, MaxReceive);

    public int Send(int available) => Cut(available, MaxSend);

    private int Cut(int available, int most)
    {
        int bound = Math.Min(available, most);
        return most == int.MaxValue ? bound : Random.Next(1, bound + 1);
    }
}

/// <summary>
/// The server's end of a stream in memory. The test is the other end: it writes bytes, reads what came, holds back the reading, or hangs up. Everything on
/// the loop's thread.
/// </summary>
internal sealed class SimulatedTransport(EventLoop loop, Cuts cuts, string peer = "test") : ITransport
{
    private readonly Queue<byte> _toServer = new();
    private readonly MemoryStream _fromServer = new();
    private IoOperation? _receive;
    private IoOperation? _send;
    private NativeSlice _into;
    private SendVector? _vector;
    private bool _hungUp;
    private int _resetError;
    private long _sendRoom = long.MaxValue;

    public EventLoop Loop => loop;

    public string Peer => peer;

    public bool IsClosed { get; private set; }

    /// <summary>The server waits for bytes, with memory for them or without.</summary>
    public bool IsReceiving => _receive is not null;

    /// <summary>The server waits for bytes and has lent no memory to the wait.</summary>
    public bool IsWaitingWithoutMemory => _receive is not null && _into.IsEmpty;

    public bool IsSending => _send is not null;

    /// <summary>The largest number of runs that one send had.</summary>
    public int MostRuns { get; private set; }

    /// <summary>Sends that the server has begun.</summary>
    public int Sends { get; private set; }

    /// <summary>Bytes that the server has not received yet.</summary>
    public int Unreceived => _toServer.Count;

    /// <summary>Operations that have ended so far.</summary>
    public long Completions { get; private set; }

    /// <summary>Everything that the server has sent, but for what was forgotten.</summary>
    public byte[] Sent => _fromServer.ToArray();

    public void Receive(IoOperation operation, NativeSlice into)
    {
        Assert.Null(_receive);
        Assert.False(into.IsEmpty);
        loop.BeginCustom(operation);
        _receive = operation;
        _into = into;
        Pump();
    }

    public void WaitReadable(IoOperation operation)
    {
        Assert.Null(_receive);
        loop.BeginCustom(operation);
        _receive = operation;
        _into = default;
        Pump();
    }

    public void Send(IoOperation operation, SendVector vector)
    {
        Assert.Null(_send);
        Assert.False(vector.IsEmpty);
        loop.BeginCustom(operation);
        Sends++;
        MostRuns = Math.Max(MostRuns, vector.Count);
        _send = operation;
        _vector = vector;
        Pump();
    }

    public void Close(IoOperation operation)
    {
        Assert.False(IsClosed);
        IsClosed = true;
        EndPending(-Errno.ECANCELED);
        loop.BeginCustom(operation);
        loop.Complete(operation, 0);
    }

    public void Cancel(IoOperation operation)
    {
        if (operation == _receive)
        {
            End(ref _receive, -Errno.ECANCELED);
        }
        else if (operation == _send)
        {
            End(ref _send, -Errno.ECANCELED);
        }
    }

    public void Forget() => _fromServer.SetLength(0);

    /// <summary>The client sends.</summary>
    public void Write(ReadOnlySpan<byte> bytes)
    {
        foreach (byte b in bytes)
        {
            _toServer.Enqueue(b);
        }

        Pump();
    }

    /// <summary>The client shuts down its sending side, or closes: after what it has sent comes the end.</summary>
    public void HangUp()
    {
        _hungUp = true;
        Pump();
    }

    /// <summary>The client vanishes: what the server has in flight fails.</summary>
    public void Reset()
    {
        _resetError = -Errno.ECONNRESET;
        EndPending(_resetError);
    }

    /// <summary>The client's socket buffers take this many more bytes, and then nothing until this is called again.</summary>
    public void AllowSending(long bytes)
    {
        _sendRoom = bytes;
        Pump();
    }

    private void End(ref IoOperation? pending, int result)
    {
        if (pending is { } operation)
        {
            pending = null;
            Completions++;
            loop.Complete(operation, result);
        }
    }

    private void EndPending(int result)
    {
        End(ref _receive, result);
        End(ref _send, result);
    }

    private void Pump()
    {
        if (_resetError != 0)
        {
            EndPending(_resetError);
            return;
        }

        PumpReceive();
        PumpSend();
    }

    private void PumpReceive()
    {
        if (_receive is null || (_toServer.Count == 0 && !_hungUp))
        {
            return;
        }

        int count = _toServer.Count == 0 || _into.IsEmpty ? 0 : cuts.Receive(Math.Min(_toServer.Count, _into.Length));
        for (int i = 0; i < count; i++)
        {
            _into.Span[i] = _toServer.Dequeue();
        }

        End(ref _receive, count);
    }

    private void PumpSend()
    {
        if (_send is null || _sendRoom == 0)
        {
            return;
        }

        // One run at most, so every send of more is short: the server has to go on from where this one ended.
        ReadOnlySpan<byte> run = _vector!.First().Span;
        int count = cuts.Send((int)Math.Min(run.Length, _sendRoom));
        _fromServer.Write(run[..count]);
        _sendRoom = _sendRoom == long.MaxValue ? _sendRoom : _sendRoom - count;
        End(ref _send, count);
    }
}
