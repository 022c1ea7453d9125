using System.Net;
using System.Runtime.InteropServices;
using System.Text;
using Harness.Io.Native;

namespace Harness.Io;

/// <summary>
/// Makes the stream sockets that loops work on. Descriptors are close-on-exec and in blocking mode: io_uring arms its own poll only for those, and
/// the readiness backends pass MSG_DONTWAIT. Set-up work: any thread may call it.
/// </summary>
public static unsafe class Sockets
{
    /// <summary>
    /// Send buffer asked for on Unix sockets. The default of 208 KiB cuts large replies into many short sends; 2 MiB gave up to 2.7 times the
    /// throughput elsewhere. The kernel caps it at net.core.wmem_max.
    /// </summary>
    public const int UnixSendBufferBytes = 2 << 20;

    // A peer that vanished without a FIN is found after two minutes: 60 s of silence, then 6 probes 10 s apart. Without them it would keep its place for ever.
    private const int KeepaliveIdleSeconds = 60;
    private const int KeepaliveIntervalSeconds = 10;
    private const int KeepaliveProbes = 6;

    // TCP_CA_NAME_MAX of the kernel, which no header of the C library has.
    private const int CongestionNameBytes = 16;

    /// <summary>A listening socket.</summary>
    /// <param name="endpoint">Where; port 0 lets the kernel choose, see <see cref="LocalPort"/>.</param>
    /// <param name="backlog">Connections the kernel holds before they are accepted; capped by net.core.somaxconn.</param>
    /// <exception cref="IoException">The address cannot be had; the message names it and says what to do.</exception>
    public static int Listen(SocketEndpoint endpoint, int backlog = 4096)
    {
        int fd = Create(endpoint);
        if (!endpoint.IsUnix)
        {
            Set(fd, Socket.SOL_SOCKET, Socket.SO_REUSEADDR, 1);
        }

        if (endpoint.Family == Socket.AF_INET6)
        {
            Set(fd, Socket.IPPROTO_IPV6, Socket.IPV6_V6ONLY, 1);
        }

        if (Socket.bind(fd, endpoint.Address, (uint)endpoint.Length) < 0 || Socket.listen(fd, backlog) < 0)
        {
            int errno = Marshal.GetLastSystemError();
            Unistd.close(fd);
            throw new IoException($"cannot listen on {endpoint}", errno);
        }

        return fd;
    }

    /// <summary>A socket for <see cref="EventLoop.Connect"/>, of the endpoint's family, already tuned.</summary>
    /// <exception cref="IoException">No descriptor is left, or the kernel does not have the endpoint's congestion control.</exception>
    public static int Create(SocketEndpoint endpoint)
    {
        int fd = Socket.socket(endpoint.Family, Socket.SOCK_STREAM | Socket.SOCK_CLOEXEC, 0);
        if (fd < 0)
        {
            throw new IoException($"cannot make a socket for {endpoint}", Marshal.GetLastSystemError());
        }

        Tune(fd, endpoint.IsUnix);
        if (endpoint.CongestionControl is { } name && !endpoint.IsUnix && !SetCongestionControl(fd, name))
        {
            int errno = Marshal.GetLastSystemError();
            Unistd.close(fd);
            throw new IoException($"cannot set the TCP congestion control '{name}' (net.ipv4.tcp_allowed_congestion_control lists what everybody may use)", errno);
        }

        return fd;
    }

    /// <summary>
    /// Sets TCP_CONGESTION of one socket, see tcp(7). False where the kernel refuses it: ENOENT where it has no such algorithm, EPERM where it is not for all.
    /// </summary>
    public static bool SetCongestionControl(int fd, string name)
    {
        byte[] bytes = Encoding.ASCII.GetBytes(name);
        fixed (byte* value = bytes)
        {
            return Socket.setsockopt(fd, Socket.IPPROTO_TCP, Socket.TCP_CONGESTION, value, (uint)bytes.Length) == 0;
        }
    }

    /// <summary>The congestion control of a TCP socket by its kernel name; null where the socket has none.</summary>
    public static string? GetCongestionControl(int fd)
    {
        byte* name = stackalloc byte[CongestionNameBytes];
        uint length = CongestionNameBytes;
        return Socket.getsockopt(fd, Socket.IPPROTO_TCP, Socket.TCP_CONGESTION, name, &length) == 0
            ? Encoding.ASCII.GetString(name, (int)length).TrimEnd('\0')
            : null;
    }

    /// <summary>
    /// Sets what a stream needs: on TCP, TCP_NODELAY (the NBD text asks both sides for it) and keepalive probes, see tcp(7); a large send buffer on a Unix
    /// socket.
    /// </summary>
    public static void Tune(int fd, bool isUnix)
    {
        if (isUnix)
        {
            SetSendBuffer(fd, UnixSendBufferBytes);
            return;
        }

        Set(fd, Socket.IPPROTO_TCP, Socket.TCP_NODELAY, 1);
        Set(fd, Socket.SOL_SOCKET, Socket.SO_KEEPALIVE, 1);
        Set(fd, Socket.IPPROTO_TCP, Socket.TCP_KEEPIDLE, KeepaliveIdleSeconds);
        Set(fd, Socket.IPPROTO_TCP, Socket.TCP_KEEPINTVL, KeepaliveIntervalSeconds);
        Set(fd, Socket.IPPROTO_TCP, Socket.TCP_KEEPCNT, KeepaliveProbes);
    }

    /// <summary>The port that the kernel chose for an internet socket.</summary>
    public static int LocalPort(int fd)
    {
        byte* address = stackalloc byte[128];
        uint length = 128;
        if (Socket.getsockname(fd, address, &length) < 0)
        {
            throw new IoException("cannot read the socket's own address", Marshal.GetLastSystemError());
        }

        return (address[2] << 8) | address[3];
    }

    /// <summary>Two connected Unix stream sockets.</summary>
    public static (int First, int Second) Pair()
    {
        int* pair = stackalloc int[2];
        if (Socket.socketpair(Socket.AF_UNIX, Socket.SOCK_STREAM | Socket.SOCK_CLOEXEC, 0, pair) < 0)
        {
            throw new IoException("cannot make a socket pair", Marshal.GetLastSystemError());
        }

        return (pair[0], pair[1]);
    }

    /// <summary>Another descriptor of the same open socket, close-on-exec: for a second loop, since each closes its own.</summary>
    /// <exception cref="IoException">No descriptor is left.</exception>
    public static int Duplicate(int fd)
    {
        int copy = Unistd.fcntl(fd, Unistd.F_DUPFD_CLOEXEC, 0);
        return copy >= 0 ? copy : throw new IoException($"cannot duplicate descriptor {fd}", Marshal.GetLastSystemError());
    }

    /// <summary>True where the path is a Unix socket's file, listened on or not; false for anything else, and where it is not there.</summary>
    public static bool IsSocketFile(string path)
    {
        Stat.statx_t status;
        return Stat.statx(Stat.AT_FDCWD, path, 0, Stat.STATX_TYPE, &status) == 0 && (status.stx_mode & Stat.S_IFMT) == Stat.S_IFSOCK;
    }

    /// <summary>Sets SO_SNDBUF in bytes; the kernel doubles it and keeps within its bounds.</summary>
    public static void SetSendBuffer(int fd, int bytes) => Set(fd, Socket.SOL_SOCKET, Socket.SO_SNDBUF, bytes);

    /// <summary>
    /// recv(2) with MSG_DONTWAIT: what a handler of an <see cref="FdEvent"/> reads with. Not for a descriptor on which a loop has a receive in flight. Any
    /// thread may call it.
    /// </summary>
    /// <returns>Bytes received, 0 at the end of the stream or for an empty buffer, or minus errno: -EAGAIN where nothing is there.</returns>
    public static int ReceiveNow(int fd, Span<byte> buffer)
    {
        fixed (byte* to = buffer)
        {
            nint received = Socket.recv(fd, to, (nuint)buffer.Length, Socket.MSG_DONTWAIT);
            return received < 0 ? -Marshal.GetLastSystemError() : (int)received;
        }
    }

    /// <summary>
    /// close(2) of a descriptor that no loop has seen, for example after a failed set-up. A loop's descriptors end with <see cref="EventLoop.Close"/>.
    /// </summary>
    public static void CloseUnused(int fd) => Unistd.close(fd);

    // What the kernel refuses here costs speed or patience, not correctness.
    private static void Set(int fd, int level, int option, int value) => Socket.setsockopt(fd, level, option, &value, sizeof(int));
}
