using System.Net;
using System.Runtime.InteropServices;
using Harness.Io.Native;

namespace Harness.Io;

/// <summary>
/// Sends that leave the data where it lies, MSG_ZEROCOPY of the kernel's networking documentation: for measuring what they are worth. Nothing else uses them,
/// since between processes of one machine the kernel copies all the same, and a Unix socket has no such thing (bench/README.md, "Tried").
/// </summary>
internal static unsafe class ZeroCopySends
{
    private const int ControlBytes = 128;
    private const int OfExtendedError = 16;

    // struct sock_extended_err of <linux/errqueue.h>: errno, origin, type, code, padding, then the first and the last send that the notice is about.
    private const int OfOrigin = OfExtendedError + 4;
    private const int OfCode = OfExtendedError + 6;
    private const int OfFirst = OfExtendedError + 8;
    private const int OfLast = OfExtendedError + 12;
    private const byte SO_EE_ORIGIN_ZEROCOPY = 5;
    private const byte SO_EE_CODE_ZEROCOPY_COPIED = 1;

    /// <summary>Two connected TCP sockets on loopback, tuned as all others.</summary>
    /// <exception cref="IoException">One cannot be had.</exception>
    public static (int First, int Second) TcpPair()
    {
        using SocketEndpoint any = SocketEndpoint.Internet(IPAddress.Loopback, 0);
        int listener = Sockets.Listen(any);
        try
        {
            using SocketEndpoint endpoint = SocketEndpoint.Internet(IPAddress.Loopback, Sockets.LocalPort(listener));
            int first = Sockets.Create(endpoint);
            int second = Socket.connect(first, endpoint.Address, (uint)endpoint.Length) < 0 ? -1 : Socket.accept4(listener, null, null, Socket.SOCK_CLOEXEC);
            if (second < 0)
            {
                int errno = Marshal.GetLastSystemError();
                Unistd.close(first);
                throw new IoException("cannot connect two sockets on loopback", errno);
            }

            Sockets.Tune(second, isUnix: false);
            return (first, second);
        }
        finally
        {
            Unistd.close(listener);
        }
    }

    /// <summary>Allows them on a socket (SO_ZEROCOPY, 4.14); returns 0 or minus errno: -EOPNOTSUPP on a Unix socket.</summary>
    public static int Enable(int fd)
    {
        int one = 1;
        return Socket.setsockopt(fd, Socket.SOL_SOCKET, Socket.SO_ZEROCOPY, &one, sizeof(int)) == 0 ? 0 : -Marshal.GetLastSystemError();
    }

    /// <summary>send(2) that does not wait; returns the bytes taken or minus errno.</summary>
    /// <param name="fd">A socket.</param>
    /// <param name="bytes">With <paramref name="zeroCopy"/> not to be changed before the notice.</param>
    /// <param name="zeroCopy">With MSG_ZEROCOPY; a notice follows for each that returned no error.</param>
    public static int Send(int fd, NativeSlice bytes, bool zeroCopy)
    {
        int flags = Socket.MSG_DONTWAIT | Socket.MSG_NOSIGNAL | (zeroCopy ? Socket.MSG_ZEROCOPY : 0);
        nint sent = Socket.send(fd, (void*)bytes.Address, (nuint)bytes.Length, flags);
        return sent < 0 ? -Marshal.GetLastSystemError() : (int)sent;
    }

    /// <summary>Takes one notice from the socket's error queue: of how many sends the memory is free again, 0 where no notice is there.</summary>
    /// <param name="fd">The socket.</param>
    /// <param name="copied">Whether the kernel has copied them after all.</param>
    public static int TakeNotice(int fd, out bool copied)
    {
        byte* control = stackalloc byte[ControlBytes];
        Socket.msghdr message = default;
        message.msg_control = control;
        message.msg_controllen = ControlBytes;
        copied = false;
        if (Socket.recvmsg(fd, &message, Socket.MSG_ERRQUEUE | Socket.MSG_DONTWAIT) < 0 || message.msg_controllen < OfLast + sizeof(uint)
            || control[OfOrigin] != SO_EE_ORIGIN_ZEROCOPY)
        {
            return 0;
        }

        copied = (control[OfCode] & SO_EE_CODE_ZEROCOPY_COPIED) != 0;
        return (int)(*(uint*)(control + OfLast) - *(uint*)(control + OfFirst)) + 1;
    }
}
