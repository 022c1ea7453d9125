using System.Net;
using System.Runtime.InteropServices;
using System.Text;
using Harness.Io.Native;

namespace Harness.Io;

/// <summary>Listening sockets that another process has made and handed over by starting this one, as systemd does; see sd_listen_fds(3).</summary>
public static unsafe class InheritedSockets
{
    /// <summary>The first descriptor that is handed over (SD_LISTEN_FDS_START).</summary>
    public const int FirstFd = 3;

    private const int SO_TYPE = 3;
    private const int SO_ACCEPTCONN = 30;
    private const int F_SETFD = 2;
    private const int FD_CLOEXEC = 1;
    private const int AddressBytes = 128;

    /// <summary>
    /// Takes one over: it is close-on-exec and in blocking mode afterwards, as sockets of <see cref="Sockets"/> are. Set-up work: any thread may call it.
    /// </summary>
    /// <param name="fd">The descriptor.</param>
    /// <returns>Where it listens; of an abstract Unix socket the name behind an <c>@</c>, as ss(8) writes it.</returns>
    /// <exception cref="IoException">It is not a stream socket that listens on a Unix path or an internet address.</exception>
    public static SocketEndpoint Take(int fd)
    {
        if (Option(fd, SO_TYPE) != Socket.SOCK_STREAM || Option(fd, SO_ACCEPTCONN) != 1)
        {
            throw new IoException($"descriptor {fd} is not a stream socket that listens", Errno.EINVAL);
        }

        byte* address = stackalloc byte[AddressBytes];
        uint length = AddressBytes;
        if (Socket.getsockname(fd, address, &length) < 0)
        {
            throw new IoException($"cannot read where descriptor {fd} listens", Marshal.GetLastSystemError());
        }

        SocketEndpoint endpoint = Parse(fd, new ReadOnlySpan<byte>(address, (int)Math.Min(length, AddressBytes)));
        Unistd.fcntl(fd, F_SETFD, FD_CLOEXEC);
        Unistd.fcntl(fd, Unistd.F_SETFL, Unistd.fcntl(fd, Unistd.F_GETFL, 0) & ~Unistd.O_NONBLOCK);
        return endpoint;
    }

    private static SocketEndpoint Parse(int fd, ReadOnlySpan<byte> address)
    {
        int family = MemoryMarshal.Read<ushort>(address);
        ReadOnlySpan<byte> port = address[2..];
        switch (family)
        {
            case Socket.AF_UNIX when address.Length > 3:
                bool isAbstract = address[2] == 0;
                ReadOnlySpan<byte> name = isAbstract ? address[3..] : address[2..];
                return SocketEndpoint.Unix($"{(isAbstract ? "@" : string.Empty)}{Encoding.UTF8.GetString(name).TrimEnd('\0')}");
            case Socket.AF_INET:
                return SocketEndpoint.Internet(new IPAddress(address.Slice(4, 4)), (port[0] << 8) | port[1]);
            case Socket.AF_INET6:
                return SocketEndpoint.Internet(new IPAddress(address.Slice(8, 16), MemoryMarshal.Read<uint>(address[24..])), (port[0] << 8) | port[1]);
            default:
                throw new IoException($"descriptor {fd} listens on neither a Unix path nor an internet address", Errno.EINVAL);
        }
    }

    /// <summary>A number that the kernel knows of a socket; -1 where it is none.</summary>
    private static int Option(int fd, int name)
    {
        int value = 0;
        uint length = sizeof(int);
        return Socket.getsockopt(fd, Socket.SOL_SOCKET, name, &value, &length) == 0 ? value : -1;
    }
}
