using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Harness.Io.Native;

namespace Harness.Io;

/// <summary>
/// The answering side of a bare exchange: for every 28 bytes that come in, 16 bytes and a payload go out, straight from a memory area of 256 MiB. No protocol,
/// no event loop: one recv(2) takes what is there, one sendmsg(2) answers all of it. What is left is the cost of the kernel, so this is the limit that a
/// server is held against. It belongs to the thread that serves; only <see cref="Stop"/> may be called from another.
/// </summary>
public sealed unsafe class ExchangeServer : IDisposable
{
    private const uint AreaBytes = 256u << 20;
    private const int InboxBytes = 64 << 10;
    private const int MaxEvents = 256;

    // Two runs a reply, and sendmsg takes 1024.
    private const int MaxReplies = 500;

    private readonly bool _spins;
    private readonly int _payloadBytes;
    private readonly NativeBuffer _area;
    private readonly NativeBuffer _header = new(ExchangeBytes.ReplyHeader, clear: true);
    private readonly NativeBuffer _runs = new(2 * MaxReplies * sizeof(Socket.iovec));
    private readonly NativeBuffer _events = new(MaxEvents * 16);
    private uint _random = 1;
    private volatile bool _stopped;

    /// <summary>Makes the memory area, with every page of it present.</summary>
    /// <param name="payloadBytes">Payload of a reply in bytes, 1 to <see cref="ExchangeBytes.MaxPayload"/>.</param>
    /// <param name="spins">Whether it asks every connection over and over (MSG_DONTWAIT), or sleeps in epoll_wait(2).</param>
    public ExchangeServer(int payloadBytes, bool spins)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(payloadBytes, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(payloadBytes, ExchangeBytes.MaxPayload);
        _payloadBytes = payloadBytes;
        _spins = spins;
        _area = new NativeBuffer((int)AreaBytes + payloadBytes);
        // Any byte but zero, so that no page is the kernel's common one.
        _area.Whole.Span.Fill(3);
    }

    /// <summary>Makes <see cref="Accept"/> and <see cref="Serve"/> return soon. From any thread.</summary>
    public void Stop() => _stopped = true;

    /// <summary>Waits for connections.</summary>
    /// <param name="listener">A listening socket.</param>
    /// <param name="count">How many, 1 or more.</param>
    /// <param name="isUnix">Whether it is a Unix socket, see <see cref="Sockets.Tune"/>.</param>
    /// <returns>Their descriptors, which <see cref="Serve"/> closes; null where it was stopped.</returns>
    /// <exception cref="IoException">No descriptor is left.</exception>
    public int[]? Accept(int listener, int count, bool isUnix)
    {
        var fds = new int[count];
        for (int i = 0; i < count; i++)
        {
            var ready = new Poll.pollfd { fd = listener, events = Poll.POLLIN };
            Poll.timespec look = Poll.timespec.FromNs(ExchangeBytes.LookMs * 1_000_000L);
            while (Poll.ppoll(&ready, 1, &look, null) <= 0)
            {
                if (_stopped)
                {
                    return null;
                }
            }

            fds[i] = Socket.accept4(listener, null, null, Socket.SOCK_CLOEXEC);
            if (fds[i] < 0)
            {
                throw new IoException("cannot accept a connection", Marshal.GetLastSystemError());
            }

            Sockets.Tune(fds[i], isUnix);
            if (isUnix)
            {
                Sockets.SetSendBuffer(fds[i], ExchangeBytes.SendBuffer);
            }
        }

        return fds;
    }

    /// <summary>Answers until every connection has been left by its client, or until it is stopped; closes them.</summary>
    /// <param name="fds">Connected stream sockets.</param>
    public void Serve(int[] fds)
    {
        using var inboxes = new NativeBuffer(fds.Length * InboxBytes);
        var connections = new Connection[fds.Length];
        for (int i = 0; i < fds.Length; i++)
        {
            connections[i] = new Connection { Fd = fds[i], Inbox = (byte*)inboxes.Slice(i * InboxBytes, InboxBytes).Address };
        }

        if (_spins)
        {
            Spin(connections);
        }
        else
        {
            Sleep(connections);
        }

        foreach (int fd in fds)
        {
            Unistd.close(fd);
        }
    }

    /// <summary>Frees the memory area.</summary>
    public void Dispose()
    {
        _area.Dispose();
        _header.Dispose();
        _runs.Dispose();
        _events.Dispose();
    }

    // The loops are compiled with all optimizations at once: a loop that never returns would otherwise be measured half compiled.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Spin(Connection[] connections)
    {
        int left = connections.Length;
        while (left > 0 && !_stopped)
        {
            for (int i = 0; i < connections.Length; i++)
            {
                if (!connections[i].IsOver && !Answer(ref connections[i]))
                {
                    left--;
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Sleep(Connection[] connections)
    {
        int epoll = Watch(connections);
        byte* events = (byte*)_events.Whole.Address;
        int left = connections.Length;
        while (left > 0 && !_stopped)
        {
            int count = Epoll.epoll_wait(epoll, events, MaxEvents, ExchangeBytes.LookMs);
            for (int i = 0; i < count; i++)
            {
                ref Connection connection = ref connections[*(int*)(events + (i * Epoll.Layout.Size) + Epoll.Layout.DataOffset)];
                if (!Answer(ref connection))
                {
                    Epoll.epoll_ctl(epoll, Epoll.EPOLL_CTL_DEL, connection.Fd, events);
                    left--;
                }
            }
        }

        Unistd.close(epoll);
    }

    private static int Watch(Connection[] connections)
    {
        int epoll = Epoll.epoll_create1(Epoll.EPOLL_CLOEXEC);
        byte* argument = stackalloc byte[16];
        for (int i = 0; i < connections.Length; i++)
        {
            *(uint*)argument = Epoll.EPOLLIN;
            *(long*)(argument + Epoll.Layout.DataOffset) = i;
            if (epoll < 0 || Epoll.epoll_ctl(epoll, Epoll.EPOLL_CTL_ADD, connections[i].Fd, argument) < 0)
            {
                throw new IoException("cannot watch the connections with epoll", Marshal.GetLastSystemError());
            }
        }

        return epoll;
    }

    /// <summary>Takes what is there and answers it. False where the connection has come to its end.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private bool Answer(ref Connection connection)
    {
        nint received = Socket.recv(connection.Fd, connection.Inbox + connection.Pending, (nuint)(InboxBytes - connection.Pending), Socket.MSG_DONTWAIT);
        if (received <= 0)
        {
            connection.IsOver = received == 0 || Marshal.GetLastSystemError() is not (Errno.EAGAIN or Errno.EINTR);
            return !connection.IsOver;
        }

        int available = connection.Pending + (int)received;
        for (int requests = available / ExchangeBytes.Request; requests > 0; requests -= Math.Min(requests, MaxReplies))
        {
            if (!Reply(connection.Fd, Math.Min(requests, MaxReplies)))
            {
                connection.IsOver = true;
                return false;
            }
        }

        // Nobody looks at what a request holds, so a part of one is no more than a count of bytes.
        connection.Pending = available % ExchangeBytes.Request;
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private bool Reply(int fd, int count)
    {
        var runs = (Socket.iovec*)_runs.Whole.Address;
        byte* header = (byte*)_header.Whole.Address;
        byte* area = (byte*)_area.Whole.Address;
        uint random = _random;
        for (int i = 0; i < 2 * count; i += 2)
        {
            // A linear congruential generator (Numerical Recipes): good enough to leave the CPU's caches, and no cost of its own.
            random = (random * 1664525) + 1013904223;
            runs[i] = new Socket.iovec { iov_base = header, iov_len = ExchangeBytes.ReplyHeader };
            runs[i + 1] = new Socket.iovec { iov_base = area + ((random >> 4) & (AreaBytes - 1) & ~4095u), iov_len = (nuint)_payloadBytes };
        }

        _random = random;
        return SendAll(fd, runs, 2 * count);
    }

    // Sleeps where the socket is full, in both modes: the client always takes what comes.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static bool SendAll(int fd, Socket.iovec* runs, int count)
    {
        while (count > 0)
        {
            var message = new Socket.msghdr { msg_iov = runs, msg_iovlen = (nuint)count };
            nint sent = Socket.sendmsg(fd, &message, Socket.MSG_NOSIGNAL);
            if (sent < 0)
            {
                if (Marshal.GetLastSystemError() == Errno.EINTR)
                {
                    continue;
                }

                return false;
            }

            while (count > 0 && (nuint)sent >= runs->iov_len)
            {
                sent -= (nint)runs->iov_len;
                runs++;
                count--;
            }

            if (count > 0)
            {
                runs->iov_base += sent;
                runs->iov_len -= (nuint)sent;
            }
        }

        return true;
    }

    private struct Connection
    {
        public int Fd;
        public byte* Inbox;
        public int Pending;
        public bool IsOver;
    }
}
