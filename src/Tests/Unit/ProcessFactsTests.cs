using System.Net.Sockets;
using System.Runtime.InteropServices;
using Harness.Io;
using Harness.Io.Native;

namespace Harness.Tests;

/// <summary>What a process asks the kernel and the C library about itself, and receives without a loop.</summary>
public class ProcessFactsTests
{
    [Fact]
    public void The_limit_of_open_files_is_raised_or_told_and_never_lowered()
    {
        long limit = OpenFilesLimit.Raise(0);
        Assert.True(limit > 0);
        Assert.Equal(limit, OpenFilesLimit.Raise(limit));
        Assert.Equal(limit, OpenFilesLimit.Raise(1));
        // More than any kernel allows.
        Assert.Equal(limit, OpenFilesLimit.Raise(long.MaxValue));
    }

    [SkippableFact]
    public void Memory_of_malloc_is_counted_while_it_is_in_use()
    {
        Skip.If(NativeHeap.BytesInUse is null, "this C library does not tell");
        const int Bytes = 64 << 20;
        long before = NativeHeap.BytesInUse!.Value;
        nint memory = Marshal.AllocHGlobal(Bytes);
        long during = NativeHeap.BytesInUse!.Value;
        Marshal.FreeHGlobal(memory);
        Assert.InRange(during - before, Bytes / 2, Bytes * 2L);
        Assert.InRange(NativeHeap.BytesInUse!.Value - before, -Bytes / 2, Bytes / 2);
    }

    [Fact]
    public void Receiving_now_never_waits()
    {
        (int first, int second) = Sockets.Pair();
        using var peer = new System.Net.Sockets.Socket(new SafeSocketHandle(second, ownsHandle: true));
        byte[] buffer = new byte[8];
        Assert.Equal(-Errno.EAGAIN, Sockets.ReceiveNow(first, buffer));
        peer.Send("abc"u8);
        Assert.Equal(3, Sockets.ReceiveNow(first, buffer));
        Assert.Equal("abc"u8.ToArray(), buffer[..3]);
        peer.Dispose();
        Assert.Equal(0, Sockets.ReceiveNow(first, buffer));
        Sockets.CloseUnused(first);
        Assert.Equal(-Errno.EBADF, Sockets.ReceiveNow(-1, buffer));
    }
}
