using System.Runtime.InteropServices;
using Harness.Io.Native;

namespace Harness.Io;

/// <summary>
/// A socket to the kernel's generic netlink, netlink(7): named families of commands, each of which is answered before the next is sent. Set-up work: it
/// blocks, and one thread at a time may use it.
/// </summary>
public sealed unsafe class GenericNetlink : IDisposable
{
    // What libnl takes: a page, and what one message of the kernel needs at most.
    private const int BufferBytes = 32 << 10;

    private readonly byte[] _buffer = new byte[BufferBytes];
    private int _fd;
    private uint _sequence;

    /// <summary>Opens the socket.</summary>
    /// <exception cref="IoException">The kernel has no netlink, or no descriptor is left.</exception>
    public GenericNetlink()
    {
        _fd = Socket.socket(Netlink.AF_NETLINK, Netlink.SOCK_RAW | Socket.SOCK_CLOEXEC, Netlink.NETLINK_GENERIC);
        if (_fd < 0)
        {
            throw new IoException("cannot open a netlink socket", Marshal.GetLastSystemError());
        }
    }

    /// <summary>The number of a family, or null where the kernel has none of that name: the module that brings it is not loaded.</summary>
    /// <exception cref="IoException">The kernel refuses to say.</exception>
    public ushort? Family(string name)
    {
        try
        {
            byte[] reply = Call(Netlink.GENL_ID_CTRL, Netlink.CTRL_CMD_GETFAMILY, 1, new NetlinkAttributes().Add(Netlink.CTRL_ATTR_FAMILY_NAME, name))
                ?? throw new IoException($"the kernel does not say what netlink family '{name}' is", Errno.EPROTO);
            ReadOnlySpan<byte> number = NetlinkAttributes.Find(reply, Netlink.CTRL_ATTR_FAMILY_ID);
            return number.Length == sizeof(ushort) ? MemoryMarshal.Read<ushort>(number) : null;
        }
        catch (IoException e) when (e.Errno == Errno.ENOENT)
        {
            return null;
        }
    }

    /// <summary>Sends a command and waits until the kernel has carried it out.</summary>
    /// <param name="family">From <see cref="Family"/>.</param>
    /// <param name="command">The family's command.</param>
    /// <param name="version">The family's version.</param>
    /// <param name="attributes">What it is told.</param>
    /// <returns>The attributes of its first reply; null where it answers with no more than "done".</returns>
    /// <exception cref="IoException">The kernel refused it, with its errno.</exception>
    public byte[]? Call(ushort family, byte command, byte version, NetlinkAttributes attributes)
    {
        Send(family, command, version, attributes);
        byte[]? reply = null;
        while (true)
        {
            ReadOnlySpan<byte> messages = _buffer.AsSpan(0, Receive());
            while (messages.Length >= Netlink.NLMSG_HDRLEN)
            {
                int length = (int)Math.Min(MemoryMarshal.Read<uint>(messages), (uint)messages.Length);
                ushort type = MemoryMarshal.Read<ushort>(messages[4..]);
                ReadOnlySpan<byte> body = messages[Netlink.NLMSG_HDRLEN..Math.Max(length, Netlink.NLMSG_HDRLEN)];
                bool ours = MemoryMarshal.Read<uint>(messages[8..]) == _sequence;
                if (ours && type == Netlink.NLMSG_ERROR && body.Length >= sizeof(int))
                {
                    int errno = -MemoryMarshal.Read<int>(body);
                    return errno == 0 ? reply : throw new IoException($"the kernel refuses netlink command {command}", errno);
                }

                if (ours && type == family && body.Length >= Netlink.GENL_HDRLEN)
                {
                    reply ??= body[Netlink.GENL_HDRLEN..].ToArray();
                }

                messages = messages[Math.Min(messages.Length, Math.Max(Netlink.NLMSG_HDRLEN, (length + 3) & -4))..];
            }
        }
    }

    /// <summary>Closes the socket.</summary>
    public void Dispose()
    {
        if (_fd >= 0)
        {
            Unistd.close(_fd);
            _fd = -1;
        }
    }

    private void Send(ushort family, byte command, byte version, NetlinkAttributes attributes)
    {
        byte[] message = new byte[Netlink.NLMSG_HDRLEN + Netlink.GENL_HDRLEN + attributes.Length];
        MemoryMarshal.Write(message.AsSpan(0), (uint)message.Length);
        MemoryMarshal.Write(message.AsSpan(4), family);
        MemoryMarshal.Write(message.AsSpan(6), (ushort)(Netlink.NLM_F_REQUEST | Netlink.NLM_F_ACK));
        MemoryMarshal.Write(message.AsSpan(8), ++_sequence);
        message[Netlink.NLMSG_HDRLEN] = command;
        message[Netlink.NLMSG_HDRLEN + 1] = version;
        attributes.CopyTo(message.AsSpan(Netlink.NLMSG_HDRLEN + Netlink.GENL_HDRLEN));
        fixed (byte* bytes = message)
        {
            // A socket without an address sends to the kernel.
            if (Socket.send(_fd, bytes, (nuint)message.Length, Socket.MSG_NOSIGNAL) < 0)
            {
                throw new IoException("cannot send to the kernel's netlink", Marshal.GetLastSystemError());
            }
        }
    }

    private int Receive()
    {
        fixed (byte* bytes = _buffer)
        {
            while (true)
            {
                nint received = Socket.recv(_fd, bytes, BufferBytes, 0);
                if (received >= 0)
                {
                    return (int)received;
                }

                if (Marshal.GetLastSystemError() is not Errno.EINTR and var errno)
                {
                    throw new IoException("cannot receive from the kernel's netlink", errno);
                }
            }
        }
    }
}
