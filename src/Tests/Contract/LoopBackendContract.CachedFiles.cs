using Harness.Io;
using Harness.Io.Native;

namespace Harness.Tests;

/// <content>Files whose bytes are in memory.</content>
public abstract partial class LoopBackendContract
{
    private const int CachedBytes = 8192;

    private static readonly byte[] s_pattern = [.. Enumerable.Range(0, CachedBytes).Select(at => (byte)(at * 7))];

    [SkippableFact]
    public void A_file_that_lies_in_memory_is_read_written_and_flushed_by_the_loop_itself()
    {
        Skip.IfNot(Directory.Exists("/dev/shm"), "there is no tmpfs at /dev/shm");
        using var test = new LoopHarness(Backend);
        string path = $"/dev/shm/h-{Guid.NewGuid():N}";
        using var handle = File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite, options: FileOptions.DeleteOnClose);
        var file = new RegularFile((int)handle.DangerousGetHandle());
        Skip.IfNot(file.IsInMemory, "/dev/shm is no tmpfs");
        using var buffer = new NativeBuffer(2 * CachedBytes);
        s_pattern.CopyTo(buffer.Whole.Span);
        var done = new Recorded();
        test.Loop.Write(done.Operation, file, buffer.Slice(0, CachedBytes), 100);
        Assert.Equal(0, done.Count);
        test.RunUntil(() => done.Count == 1, "the write ends");
        Assert.Equal(CachedBytes, done.Result);
        test.Loop.Flush(done.Operation, file);
        test.RunUntil(() => done.Count == 2, "the flush ends");
        Assert.Equal(0, done.Result);
        test.Loop.Read(done.Operation, file, buffer.Slice(CachedBytes, CachedBytes), 100);
        test.RunUntil(() => done.Count == 3, "the read ends");
        Assert.Equal(CachedBytes, done.Result);
        Assert.True(buffer.Slice(CachedBytes, CachedBytes).Span.SequenceEqual(s_pattern));
        test.Loop.Read(done.Operation, file, buffer.Slice(0, CachedBytes), CachedBytes);
        test.RunUntil(() => done.Count == 4, "the read across the end ends");
        Assert.Equal(100, done.Result);
        long[] calls = test.Loop.Counters.SystemCallsByName;
        SystemCall[] own = [SystemCall.pread64, SystemCall.pwrite64, SystemCall.fdatasync, SystemCall.preadv2];
        Assert.Equal([2, 1, 1, 0], own.Select(call => calls[(int)call]));
        using var big = new NativeBuffer(RegularFile.MaxBytesAtOnce + 1);
        test.Loop.Read(done.Operation, file, big.Whole, 0);
        test.RunUntil(() => done.Count == 5, "the long read ends");
        Assert.Equal((CachedBytes + 100, 2), (done.Result, calls[(int)SystemCall.pread64]));
    }

    [Fact]
    public void What_the_page_cache_has_is_read_without_a_worker_and_the_rest_by_one()
    {
        using var test = new LoopHarness(Backend);
        string path = Path.GetTempFileName();
        File.WriteAllBytes(path, s_pattern);
        using var handle = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite);
        var answers = new Queue<int>([1000, -Errno.EAGAIN, -Errno.EINTR, -Errno.EOPNOTSUPP]);
        using var buffer = new NativeBuffer(CachedBytes);
        var file = new RegularFile((int)handle.DangerousGetHandle(), isInMemory: false, (into, offset) =>
        {
            int answer = answers.Dequeue();
            if (answer > 0)
            {
                s_pattern.AsSpan((int)offset, answer).CopyTo(into.Span);
            }

            return answer;
        });
        var read = new Recorded();
        int asked = answers.Count;
        for (int i = 0; i <= asked; i++)
        {
            buffer.Whole.Span.Clear();
            bool isShort = test.Loop.BackendName != "uring" && i == 0;
            test.Loop.Read(read.Operation, file, buffer.Whole, 0);
            Assert.Equal(i, read.Count);
            test.RunUntil(() => read.Count == i + 1, "the read ends");
            Assert.Equal(isShort ? 1000 : CachedBytes, read.Result);
            Assert.True(buffer.Slice(0, read.Result).Span.SequenceEqual(s_pattern.AsSpan(0, read.Result)), $"read {i}");
        }

        // A ring reads what is cached in its own enter, and is not to be asked twice; elsewhere the file that does not know RWF_NOWAIT is asked no more.
        Assert.Equal(test.Loop.BackendName == "uring" ? asked : 0, answers.Count);
        Assert.Equal(test.Loop.BackendName == "uring", file.KnowsNoWait);
        Assert.Equal(asked - answers.Count, test.Loop.Counters.SystemCallsByName[(int)SystemCall.preadv2]);
        File.Delete(path);
    }

    [Fact]
    public void A_read_of_a_file_that_was_just_written_takes_no_thread()
    {
        using var test = new LoopHarness(Backend);
        string path = Path.GetTempFileName();
        File.WriteAllBytes(path, s_pattern);
        using var handle = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite);
        var file = new RegularFile((int)handle.DangerousGetHandle());
        using var buffer = new NativeBuffer(CachedBytes);
        var read = new Recorded();
        for (int at = 0; at < CachedBytes; at += 1024)
        {
            int count = read.Count;
            test.Loop.Read(read.Operation, file, buffer.Slice(at, 1024), at);
            test.RunUntil(() => read.Count == count + 1, "the read ends");
            Assert.Equal(1024, read.Result);
        }

        Assert.True(buffer.Whole.Span.SequenceEqual(s_pattern));
        test.Loop.Read(read.Operation, file, buffer.Whole, CachedBytes);
        test.RunUntil(() => !read.Operation.IsPending, "the read past the end ends");
        Assert.Equal(0, read.Result);
        File.Delete(path);
    }

    [Fact]
    public void A_file_that_is_being_closed_is_not_read()
    {
        using var test = new LoopHarness(Backend);
        string path = Path.GetTempFileName();
        File.WriteAllBytes(path, s_pattern);
        var handle = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite);
        int fd = Unistd.fcntl((int)handle.DangerousGetHandle(), Unistd.F_DUPFD_CLOEXEC, 0);
        handle.Dispose();
        var file = new RegularFile(fd, isInMemory: true, null);
        using var buffer = new NativeBuffer(CachedBytes);
        var (close, read) = (new Recorded(), new Recorded());
        test.Loop.Close(close.Operation, fd);
        test.Loop.Read(read.Operation, file, buffer.Whole, 0);
        test.RunUntil(() => read.Count == 1 && close.Count == 1, "both end");
        Assert.Contains(read.Result, new[] { -Errno.ECANCELED, -Errno.EBADF });
        File.Delete(path);
    }
}
