using System.Buffers.Binary;
using Harness.Io;
using Harness.Io.Native;
using Microsoft.Win32.SafeHandles;

namespace Harness.Tests;

public sealed class RingRegisterTests
{
    [SkippableFact]
    public void Calls_go_through_the_registered_ring_descriptor()
    {
        using Ring ring = RingFixture.Open();
        Skip.IfNot(ring.RegisterRingFd(), "this kernel registers no ring descriptors");
        Assert.True(ring.IsRingFdRegistered && ring.RegisterRingFd());
        ring.PrepareNop(1);
        Assert.Equal(1ul, ring.TakeOne().UserData);
        Assert.Equal(-Errno.ETIME, ring.SubmitAndWait(1, 1_000_000));

        // Another thread has no such registration, which shows that the call really names it.
        int elsewhere = 0;
        var thread = new Thread(() => elsewhere = ring.Enter(0, 0, EnterFlags.GETEVENTS));
        thread.Start();
        thread.Join();
        Assert.Equal(-Errno.EINVAL, elsewhere);

        ring.UnregisterRingFd();
        ring.UnregisterRingFd();
        Assert.False(ring.IsRingFdRegistered);
        ring.PrepareNop(2);
        Assert.Equal(2ul, ring.TakeOne().UserData);
    }

    [SkippableFact]
    public void Registered_files_are_named_by_index_and_can_be_replaced()
    {
        using Ring ring = RingFixture.Open();
        using var first = new TestPipe();
        using var second = new TestPipe();
        using var memory = new NativeBuffer(64, clear: true);
        ring.RegisterFilesSparse(4);
        ring.UpdateFiles(2, [first.ReadFd, second.ReadFd]);
        first.Write(11);
        second.Write(22);
        Assert.Equal(11, Read(ring, 2, memory));
        Assert.Equal(22, Read(ring, 3, memory));

        ring.UpdateFiles(2, [second.ReadFd, -1]);
        second.Write(33);
        Assert.Equal(33, Read(ring, 2, memory));
        Assert.Equal(-Errno.EBADF, Read(ring, 3, memory));
        Assert.Equal(-Errno.EBADF, Read(ring, 9, memory));

        Assert.Equal(Errno.EINVAL, Assert.Throws<RingException>(() => ring.UpdateFiles(4, [1])).Errno);
        Assert.Equal(Errno.EBUSY, Assert.Throws<RingException>(() => ring.RegisterFilesSparse(4)).Errno);
        ring.UnregisterFiles();
        Assert.Throws<RingException>(ring.UnregisterFiles);
    }

    [SkippableFact]
    public void A_descriptor_that_is_not_open_is_named_with_its_slot()
    {
        using Ring ring = RingFixture.Open();
        using var pipe = new TestPipe();
        ring.RegisterFilesSparse(4);
        var error = Assert.Throws<RingException>(() => ring.UpdateFiles(1, [pipe.ReadFd, 1_000_000]));
        Assert.Equal(Errno.EBADF, error.Errno);
        Assert.Contains("slot 2", error.Message);
    }

    [SkippableFact]
    public void A_registered_buffer_serves_reads_and_writes_inside_it_only()
    {
        using Ring ring = RingFixture.Open();
        using var memory = new NativeBuffer(8192, clear: true, alignment: 4096);
        using var file = new TempFile();
        NativeSlice whole = memory.Whole;
        ring.RegisterBuffers([new RegisteredBuffer(whole.Address, 4096)]);
        whole.Span[..4].Fill(7);
        Assert.True(ring.PrepareWriteFixed(file.Fd, whole.Address, 4, 100, 0, 1));
        Assert.Equal(4, ring.TakeOne().Result);
        Assert.True(ring.PrepareReadFixed(file.Fd, whole.Address + 1000, 4, 100, 0, 2));
        Assert.Equal(4, ring.TakeOne().Result);
        Assert.True(whole.Span.Slice(1000, 4).SequenceEqual(new byte[] { 7, 7, 7, 7 }));
        Assert.True(ring.PrepareReadFixed(file.Fd, whole.Address + 4095, 2, 0, 0, 3));
        Assert.Equal(-14, ring.TakeOne().Result);
        ring.UnregisterBuffers();
    }

    [SkippableFact]
    public void Files_are_read_written_allocated_and_flushed()
    {
        using Ring ring = RingFixture.Open();
        using var memory = new NativeBuffer(256, clear: true);
        using var file = new TempFile();
        NativeSlice whole = memory.Whole;
        for (byte i = 0; i < 64; i++)
        {
            whole.Span[i] = i;
        }

        Assert.True(ring.PrepareWrite(file.Fd, whole.Address, 64, 4096, 1, SqeFlags.IO_LINK));
        Assert.True(ring.PrepareFsync(file.Fd, dataOnly: true, 2, SqeFlags.IO_LINK));
        Assert.True(ring.PrepareFsync(file.Fd, dataOnly: false, 3, SqeFlags.IO_LINK));
        Assert.True(ring.PrepareRead(file.Fd, whole.Address + 128, 64, 4096, 4));
        Dictionary<ulong, int> results = ring.Take(4).ToDictionary(c => c.UserData, c => c.Result);
        Assert.Equal((64, 0, 0, 64), (results[1], results[2], results[3], results[4]));
        Assert.True(whole.Span.Slice(128, 64).SequenceEqual(whole.Span[..64]));

        Assert.True(ring.PrepareFallocate(file.Fd, 0, 0, 1 << 20, 5));
        Assert.Equal(0, ring.TakeOne().Result);
        Assert.Equal(1 << 20, file.Length);
        Assert.True(ring.PrepareFadvise(file.Fd, Unistd.POSIX_FADV_WILLNEED, 0, 1 << 20, 7));
        Assert.Equal(0, ring.TakeOne().Result);
        Assert.True(ring.PrepareRead(file.Fd, whole.Address, 64, 1 << 20, 6));
        Assert.Equal(0, ring.TakeOne().Result);
    }

    [SkippableFact]
    public void The_ring_waits_on_an_epoll_set()
    {
        using Ring ring = RingFixture.Open();
        RingFixture.Require(RingOpcode.EPOLL_WAIT);
        using var pipe = new TestPipe();
        using var memory = new NativeBuffer(256, clear: true);
        using var epoll = new SafeFileHandle(Epoll.epoll_create1(Epoll.EPOLL_CLOEXEC), ownsHandle: true);
        int fd = (int)epoll.DangerousGetHandle();
        Span<byte> bytes = memory.Whole.Span;
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, Epoll.EPOLLIN);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[Epoll.Layout.DataOffset..], 0x1234_5678_9abc);
        ring.PrepareEpollControl(fd, Epoll.EPOLL_CTL_ADD, pipe.ReadFd, memory.Whole.Address, 1);
        Assert.Equal(0, ring.TakeOne().Result);

        ring.PrepareEpollWait(fd, memory.Whole.Address + 64, 4, 2);
        ring.Submit();
        ring.AssertQuiet();
        pipe.Write(1);
        Assert.Equal((2ul, 1), (ring.TakeOne() is var c ? c.UserData : 0, c.Result));
        Assert.Equal(Epoll.EPOLLIN, BinaryPrimitives.ReadUInt32LittleEndian(bytes[64..]));
        Assert.Equal(0x1234_5678_9abcul, BinaryPrimitives.ReadUInt64LittleEndian(bytes[(64 + Epoll.Layout.DataOffset)..]));

        ring.PrepareEpollControl(fd, Epoll.EPOLL_CTL_DEL, pipe.ReadFd, 0, 3);
        Assert.Equal(0, ring.TakeOne().Result);
    }

    private static int Read(Ring ring, int index, NativeBuffer memory)
    {
        Assert.True(ring.PrepareRead(index, memory.Whole.Address, 1, Ring.CurrentPosition, 1, SqeFlags.FIXED_FILE));
        int result = ring.TakeOne().Result;
        return result == 1 ? memory.Whole.Span[0] : result;
    }

    private sealed class TempFile : IDisposable
    {
        private readonly FileStream _stream = new(
            Path.GetTempFileName(), FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite, 1, FileOptions.DeleteOnClose);

        public int Fd => (int)_stream.SafeFileHandle.DangerousGetHandle();

        public long Length => new FileInfo(_stream.Name).Length;

        public void Dispose() => _stream.Dispose();
    }
}
