using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Harness.Io.Native;

namespace Harness.Io;

/// <summary>
/// The asking side of a bare exchange with an <see cref="ExchangeServer"/>: as many requests of 28 bytes in flight as asked for, each followed by the next
/// when as many bytes have come as its reply has. One recv(2) takes what is there, one send(2) asks for as much again; nothing is allocated meanwhile. It
/// belongs to one thread.
/// </summary>
public sealed unsafe class ExchangeClient : IDisposable
{
    private const int InboxBytes = 4 << 20;

    // A server that sends nothing for so long after the last request is gone.
    private const long DrainTimeoutNs = 30_000_000_000;

    private readonly bool _spins;
    private readonly int _depth;
    private readonly int _replyBytes;
    private readonly Connection[] _connections;
    private readonly NativeBuffer _polled;
    private readonly NativeBuffer _requests;
    private readonly NativeBuffer _inbox = new(InboxBytes, alignment: 64);

    /// <summary>Connects.</summary>
    /// <param name="endpoint">Where the server listens.</param>
    /// <param name="connections">How many connections, 1 or more.</param>
    /// <param name="depth">Requests in flight on each, 1 or more.</param>
    /// <param name="payloadBytes">Payload of a reply in bytes, as the server has it.</param>
    /// <param name="spins">Whether it asks every connection over and over (MSG_DONTWAIT), or sleeps in ppoll(2).</param>
    /// <exception cref="IoException">Nobody listens there, or no descriptor is left.</exception>
    public ExchangeClient(SocketEndpoint endpoint, int connections, int depth, int payloadBytes, bool spins)
    {
        _spins = spins;
        _depth = depth;
        _replyBytes = ExchangeBytes.ReplyHeader + payloadBytes;
        _connections = new Connection[connections];
        _polled = new NativeBuffer(connections * sizeof(Poll.pollfd), clear: true);
        _requests = new NativeBuffer(depth * ExchangeBytes.Request, clear: true);
        for (int i = 0; i < connections; i++)
        {
            _connections[i].Fd = Connect(endpoint);
            Polled[i] = new Poll.pollfd { fd = _connections[i].Fd, events = Poll.POLLIN };
        }
    }

    /// <summary>Replies of the last phase.</summary>
    public long Replies { get; private set; }

    /// <summary>System calls of the last phase.</summary>
    public long SystemCalls { get; private set; }

    /// <summary>When the last phase began, in nanoseconds of <see cref="MonotonicClock"/>.</summary>
    public long StartedNs { get; private set; }

    /// <summary>When the last phase's last reply was there.</summary>
    public long EndedNs { get; private set; }

    private Poll.pollfd* Polled => (Poll.pollfd*)_polled.Whole.Address;

    /// <summary>One phase: it begins and ends with nothing in flight, and asks for nothing more after <paramref name="durationNs"/> nanoseconds.</summary>
    /// <returns>False where the server hung up, or did not answer within 30 s of the last request.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public bool Run(long durationNs)
    {
        Replies = 0;
        SystemCalls = 0;
        StartedNs = MonotonicClock.NowNs;
        long endNs = StartedNs + durationNs;
        AskEverywhere();
        for (long inFlight = (long)_connections.Length * _depth; inFlight > 0;)
        {
            long nowNs = MonotonicClock.NowNs;
            if (nowNs > endNs + DrainTimeoutNs)
            {
                return false;
            }

            if (!_spins)
            {
                Sleep();
            }

            long complete = TakeEverywhere(goesOn: nowNs < endNs);
            if (complete < 0)
            {
                return false;
            }

            inFlight -= nowNs < endNs ? 0 : complete;
        }

        EndedNs = MonotonicClock.NowNs;
        return true;
    }

    /// <summary>Hangs up.</summary>
    public void Dispose()
    {
        foreach (Connection connection in _connections)
        {
            Unistd.close(connection.Fd);
        }

        _polled.Dispose();
        _requests.Dispose();
        _inbox.Dispose();
    }

    private static int Connect(SocketEndpoint endpoint)
    {
        int fd = Sockets.Create(endpoint);
        if (Socket.connect(fd, endpoint.Address, (uint)endpoint.Length) < 0)
        {
            int errno = Marshal.GetLastSystemError();
            Unistd.close(fd);
            throw new IoException($"cannot connect to {endpoint}", errno);
        }

        if (endpoint.IsUnix)
        {
            Sockets.SetSendBuffer(fd, ExchangeBytes.SendBuffer);
        }

        return fd;
    }

    private void AskEverywhere()
    {
        for (int i = 0; i < _connections.Length; i++)
        {
            _connections[i].Owed = (long)_depth * ExchangeBytes.Request;
            Ask(ref _connections[i], Polled + i);
        }
    }

    /// <summary>Takes the replies that are there; while the phase goes on, asks for as many again. Returns how many, or -1 where the server hung up.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private long TakeEverywhere(bool goesOn)
    {
        Connection[] connections = _connections;
        Poll.pollfd* polled = Polled;
        byte* inbox = (byte*)_inbox.Whole.Address;
        bool spins = _spins;
        long taken = 0;
        for (int i = 0; i < connections.Length; i++)
        {
            if (!spins && polled[i].revents == 0)
            {
                continue;
            }

            ref Connection connection = ref connections[i];
            nint received = Socket.recv(connection.Fd, inbox, InboxBytes, Socket.MSG_DONTWAIT);
            SystemCalls++;
            if (received > 0)
            {
                long complete = Count(ref connection, received);
                taken += complete;
                connection.Owed += goesOn ? complete * ExchangeBytes.Request : 0;
            }
            else if (received == 0 || Marshal.GetLastSystemError() is not (Errno.EAGAIN or Errno.EINTR))
            {
                return -1;
            }

            if (connection.Owed > 0)
            {
                Ask(ref connection, polled + i);
            }
        }

        Replies += taken;
        return taken;
    }

    private long Count(ref Connection connection, nint received)
    {
        long available = connection.Pending + received;
        long complete = available / _replyBytes;
        connection.Pending = available - (complete * _replyBytes);
        return complete;
    }

    private void Sleep()
    {
        Poll.timespec look = Poll.timespec.FromNs(ExchangeBytes.LookMs * 1_000_000L);
        SystemCalls++;
        if (Poll.ppoll(Polled, (ulong)_connections.Length, &look, null) <= 0)
        {
            // After an error revents are as they were before.
            for (int i = 0; i < _connections.Length; i++)
            {
                Polled[i].revents = 0;
            }
        }
    }

    // What the socket has no room for stays owed: while this side slept for room, the server might sleep until this side takes its replies.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Ask(ref Connection connection, Poll.pollfd* polled)
    {
        nint sent = Socket.send(connection.Fd, (void*)_requests.Whole.Address, (nuint)connection.Owed, Socket.MSG_DONTWAIT | Socket.MSG_NOSIGNAL);
        SystemCalls++;
        // An error other than a full socket shows in the next receive.
        connection.Owed -= Math.Max(0, sent);
        polled->events = connection.Owed > 0 ? (short)(Poll.POLLIN | Poll.POLLOUT) : Poll.POLLIN;
    }

    private struct Connection
    {
        public int Fd;
        public long Pending;
        public long Owed;
    }
}
