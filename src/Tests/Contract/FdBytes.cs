using System.IO.Pipes;
using System.Net.Sockets;
using Microsoft.Win32.SafeHandles;
using Harness.Io;
using Socket = System.Net.Sockets.Socket;

namespace Harness.Tests;

/// <summary>Makes descriptors, and moves bytes through them by plain system calls, as code does that knows no loop.</summary>
internal static class FdBytes
{
    /// <summary>A pipe's two ends, which belong to the caller.</summary>
    public static (int Read, int Write) Pipe()
    {
        using var pipe = new AnonymousPipeServerStream(PipeDirection.In);
        int read = (int)pipe.SafePipeHandle.DangerousGetHandle();
        int write = (int)pipe.ClientSafePipeHandle.DangerousGetHandle();
        pipe.SafePipeHandle.SetHandleAsInvalid();
        pipe.ClientSafePipeHandle.SetHandleAsInvalid();
        return (read, write);
    }

    /// <summary>read(2), which must not block; 0 at the end of the stream.</summary>
    public static int Read(int fd, int atMost = 1)
    {
        Assert.True(IsReadable(fd), $"a read of descriptor {fd} would block");
        using FileStream stream = Borrow(fd, FileAccess.Read);
        return stream.Read(stackalloc byte[atMost]);
    }

    /// <summary>read(2) of one byte, which must be there, and which it was.</summary>
    public static byte ReadByte(int fd)
    {
        Assert.True(IsReadable(fd), $"a read of descriptor {fd} would block");
        using FileStream stream = Borrow(fd, FileAccess.Read);
        Span<byte> one = stackalloc byte[1];
        Assert.Equal(1, stream.Read(one));
        return one[0];
    }

    /// <summary>write(2) of a few bytes.</summary>
    public static void Write(int fd, int count = 1, byte value = (byte)'x')
    {
        using FileStream stream = Borrow(fd, FileAccess.Write);
        Span<byte> bytes = stackalloc byte[count];
        bytes.Fill(value);
        stream.Write(bytes);
    }

    /// <summary>Sends until the socket takes no more.</summary>
    public static void Fill(int fd)
    {
        Sockets.SetSendBuffer(fd, 4096);
        using Socket socket = BorrowSocket(fd);
        byte[] bytes = new byte[1024];
        socket.Blocking = false;
        do
        {
            socket.Send(bytes, SocketFlags.None, out SocketError error);
            if (error == SocketError.WouldBlock)
            {
                break;
            }

            Assert.Equal(SocketError.Success, error);
        }
        while (true);
        socket.Blocking = true;
    }

    /// <summary>Whether a read would find bytes or the end of the stream, now or soon.</summary>
    public static bool IsReadable(int fd, int withinMs = 0)
    {
        long until = Environment.TickCount64 + withinMs;
        bool isReadable;
        while (!(isReadable = FdReadiness.Now(fd, FdFlags.Read, new LoopCounters()) != FdFlags.None) && Environment.TickCount64 < until)
        {
            Thread.Sleep(1);
        }

        return isReadable;
    }

    /// <summary>shutdown(2) of the sending side.</summary>
    public static void ShutdownSend(int fd)
    {
        using Socket socket = BorrowSocket(fd);
        socket.Shutdown(SocketShutdown.Send);
    }

    private static FileStream Borrow(int fd, FileAccess access) => new(new SafeFileHandle(fd, ownsHandle: false), access, bufferSize: 0);

    private static Socket BorrowSocket(int fd) => new(new SafeSocketHandle(fd, ownsHandle: false));
}
