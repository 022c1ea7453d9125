using Harness.Io.Native;
using Microsoft.Win32.SafeHandles;

namespace Harness.Tests;

/// <summary>System calls on a bare number, as code makes them that knows no loop.</summary>
internal static class RawFd
{
    /// <summary>close(2).</summary>
    public static void Close(int fd) => Assert.Equal(0, Unistd.close(fd));

    /// <summary>dup3(2) of a descriptor onto a number, whose file is closed thereby; the descriptor itself is closed then.</summary>
    public static void Replace(int number, int fd)
    {
        Assert.Equal(number, Unistd.dup3(fd, number, Unistd.O_CLOEXEC));
        Close(fd);
    }

    /// <summary>The same file under a high number that nothing else of this process takes by itself.</summary>
    public static int MoveUp(int fd)
    {
        int high = Unistd.fcntl(fd, Unistd.F_DUPFD_CLOEXEC, 900);
        Assert.True(high >= 900);
        Close(fd);
        return high;
    }

    /// <summary>write(2) of one byte; false where nobody is there any more to read it.</summary>
    public static bool TryWrite(int fd)
    {
        try
        {
            Write(fd);
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }

    /// <summary>write(2) of one byte.</summary>
    public static void Write(int fd)
    {
        using var stream = new FileStream(new SafeFileHandle(fd, ownsHandle: false), FileAccess.Write, bufferSize: 0);
        stream.Write("x"u8);
    }

    /// <summary>read(2) of at most so many bytes; returns how many came, 0 at the end.</summary>
    public static int Read(int fd, int most = 1)
    {
        using var stream = new FileStream(new SafeFileHandle(fd, ownsHandle: false), FileAccess.Read, bufferSize: 0);
        return stream.Read(new byte[most]);
    }
}
