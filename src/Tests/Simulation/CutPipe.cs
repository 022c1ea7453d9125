using Harness.Io;
using Harness.Io.Native;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>Where a connection in memory is cut.</summary>
/// <param name="ToServer">Which of its two directions is counted.</param>
/// <param name="AfterBytes">How many bytes still pass in it.</param>
/// <param name="IsReset">Whether both ends are told of an error, or of the end of the stream.</param>
internal sealed record PipeCut(bool ToServer, long AfterBytes, bool IsReset);

/// <summary>
/// A stream in memory with small buffers, a transport at either end: what passes is cut into pieces at random, a full buffer makes its sender wait, and at a
/// chosen byte the connection breaks. Its ends may be on several loops of one thread.
/// </summary>
internal sealed class CutPipe
{
    private readonly PipeCut? _cut;
    private readonly Random _random;
    private readonly int _most;
    private readonly End _client;
    private readonly End _server;

    /// <param name="loop">The loop of both ends, or of the client's receiving side.</param>
    /// <param name="random">Where the pieces end.</param>
    /// <param name="capacity">Bytes that each direction holds.</param>
    /// <param name="most">Bytes of a piece at most.</param>
    /// <param name="cut">Where it breaks; null where it does not.</param>
    /// <param name="sendLoop">The loop of the client's sending side, where that is another.</param>
    /// <param name="serverLoop">The loop of the server's end, where that is another.</param>
    public CutPipe(
        EventLoop loop, Random random, int capacity, int most, PipeCut? cut = null, EventLoop? sendLoop = null, EventLoop? serverLoop = null)
    {
        (_random, _most, _cut) = (random, most, cut);
        _client = new End(this, loop, "server", capacity);
        _server = new End(this, serverLoop ?? loop, "client", capacity);
        (_client.Other, _server.Other) = (_server, _client);
        Sender = sendLoop is null ? null : new SendingEnd(_client, sendLoop);
    }

    public ITransport Client => _client;

    /// <summary>The client's end on another loop, as <see cref="PlainTransport.Duplicate"/> makes it; null where there is none.</summary>
    public ITransport? Sender { get; }

    public ITransport Server => _server;

    /// <summary>Bytes that have passed in each direction.</summary>
    public long ToServer => _client.Sent;

    public long ToClient => _server.Sent;

    /// <summary>Bytes that either end has received.</summary>
    public long Received { get; private set; }

    public bool IsBroken { get; private set; }

    private int Piece(int available) => _random.Next(1, Math.Min(available, _most) + 1);

    /// <summary>How many of these bytes still pass.</summary>
    private long Left(End from) => _cut is { } cut && cut.ToServer == (from == _client) ? cut.AfterBytes - from.Sent : long.MaxValue;

    private void Break()
    {
        IsBroken = true;
        _client.Pump();
        _server.Pump();
    }

    private sealed class End(CutPipe pipe, EventLoop loop, string peer, int capacity) : ITransport
    {
        private readonly byte[] _incoming = new byte[capacity];
        private IoOperation? _receive;
        private IoOperation? _send;
        private NativeSlice _into;
        private EventLoop? _sendingLoop;
        private SendVector? _vector;
        private int _first;
        private int _count;
        private bool _closed;

        public End Other { get; set; } = null!;

        public EventLoop Loop => loop;

        public string Peer => peer;

        public long Sent { get; private set; }

        public void Receive(IoOperation operation, NativeSlice into)
        {
            Assert.Null(_receive);
            loop.BeginCustom(operation);
            (_receive, _into) = (operation, into);
            Pump();
        }

        public void WaitReadable(IoOperation operation) => Receive(operation, default);

        public void Send(IoOperation operation, SendVector vector) => Send(loop, operation, vector);

        public void Send(EventLoop from, IoOperation operation, SendVector vector)
        {
            Assert.Null(_send);
            from.BeginCustom(operation);
            (_sendingLoop, _send, _vector) = (from, operation, vector);
            Pump();
        }

        public void Close(IoOperation operation)
        {
            Finish(ref _receive, loop, -Errno.ECANCELED);
            CloseSending(loop, operation);
        }

        /// <summary>Closes one of two descriptors, which ends the stream for both.</summary>
        public void CloseSending(EventLoop from, IoOperation operation)
        {
            _closed = true;
            if (_sendingLoop == from)
            {
                Finish(ref _send, from, -Errno.ECANCELED);
            }

            from.BeginCustom(operation);
            from.Complete(operation, 0);
            Pump();
            Other.Pump();
        }

        public void Cancel(IoOperation operation)
        {
            if (operation == _receive)
            {
                Finish(ref _receive, loop, -Errno.ECANCELED);
            }
            else
            {
                Finish(ref _send, _sendingLoop!, -Errno.ECANCELED);
            }
        }

        /// <summary>Does what can be done now.</summary>
        public void Pump()
        {
            if (_receive is not null)
            {
                Deliver();
            }

            if (_send is not null)
            {
                Take();
            }
        }

        private bool IsOver => pipe.IsBroken || Other._closed || _closed;

        private bool IsReset => pipe.IsBroken && pipe._cut!.IsReset;

        private void Deliver()
        {
            if (_count > 0 && !IsReset)
            {
                int count = _into.IsEmpty ? 0 : pipe.Piece(Math.Min(Math.Min(_count, _into.Length), capacity - _first));
                _incoming.AsSpan(_first, count).CopyTo(_into.Span);
                _first = (_first + count) % capacity;
                _count -= count;
                pipe.Received += count;
                Finish(ref _receive, loop, count);
                Other.Pump();
            }
            else if (IsOver)
            {
                Finish(ref _receive, loop, IsReset ? -Errno.ECONNRESET : 0);
            }
        }

        private void Take()
        {
            if (IsOver)
            {
                Finish(ref _send, _sendingLoop!, IsReset ? -Errno.ECONNRESET : -Errno.EPIPE);
                return;
            }

            long left = pipe.Left(this);
            if (left > 0 && Other._count == capacity)
            {
                return;
            }

            if (left > 0)
            {
                ReadOnlySpan<byte> run = _vector!.First().Span;
                int at = (Other._first + Other._count) % capacity;
                int room = at < Other._first ? Other._first - at : capacity - at;
                int count = pipe.Piece((int)Math.Min(Math.Min(run.Length, room), left));
                run[..count].CopyTo(Other._incoming.AsSpan(at));
                Other._count += count;
                Sent += count;
                left -= count;
                Finish(ref _send, _sendingLoop!, count);
                Other.Pump();
            }

            if (left <= 0)
            {
                pipe.Break();
            }
        }

        private static void Finish(ref IoOperation? pending, EventLoop on, int result)
        {
            if (pending is { } operation)
            {
                pending = null;
                on.Complete(operation, result);
            }
        }
    }

    /// <summary>The client's end as the thread of its sending side has it.</summary>
    private sealed class SendingEnd(End end, EventLoop loop) : ITransport
    {
        public EventLoop Loop => loop;

        public string Peer => end.Peer;

        public void Receive(IoOperation operation, NativeSlice into) => throw new InvalidOperationException("the sending side receives nothing");

        public void WaitReadable(IoOperation operation) => throw new InvalidOperationException("the sending side receives nothing");

        public void Send(IoOperation operation, SendVector vector) => end.Send(loop, operation, vector);

        public void Close(IoOperation operation) => end.CloseSending(loop, operation);

        public void Cancel(IoOperation operation) => end.Cancel(operation);
    }
}
