using Harness.Io;
using Harness.Io.Native;

namespace Harness.Tests;

/// <content>Files.</content>
public abstract partial class LoopBackendContract
{
    [Fact]
    public void Files_are_written_read_flushed_and_punched()
    {
        using var test = new LoopHarness(Backend);
        string path = Path.GetTempFileName();
        using var handle = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite);
        int fd = (int)handle.DangerousGetHandle();
        using var buffer = new NativeBuffer(8192);
        buffer.Slice(0, 4096).Span.Fill(0xab);
        var write = new Recorded();
        test.Loop.Write(write.Operation, fd, buffer.Slice(0, 4096), 4096);
        test.RunUntil(() => write.Count == 1, "the write ends");
        Assert.Equal(4096, write.Result);
        var flush = new Recorded();
        test.Loop.Flush(flush.Operation, fd);
        test.RunUntil(() => flush.Count == 1, "the flush ends");
        Assert.Equal(0, flush.Result);
        var read = new Recorded();
        test.Loop.Read(read.Operation, fd, buffer.Slice(4096, 4096), 6144);
        test.RunUntil(() => read.Count == 1, "the read ends");
        Assert.Equal(2048, read.Result);
        Assert.True(buffer.Slice(4096, 2048).Span.IndexOfAnyExcept((byte)0xab) < 0);
        var ahead = new Recorded();
        test.Loop.ReadAhead(ahead.Operation, fd, 0, 8192);
        test.RunUntil(() => ahead.Count == 1, "the reading ahead ends");
        Assert.Equal(0, ahead.Result);
        var punch = new Recorded();
        test.Loop.Allocate(punch.Operation, fd, AllocateMode.PunchHole, 4096, 4096);
        test.RunUntil(() => punch.Count == 1, "the punch ends");
        if (punch.Result != -Errno.EOPNOTSUPP)
        {
            Assert.Equal(0, punch.Result);
            test.Loop.Read(read.Operation, fd, buffer.Slice(4096, 4096), 4096);
            test.RunUntil(() => read.Count == 2, "the second read ends");
            Assert.Equal(4096, read.Result);
            Assert.True(buffer.Slice(4096, 4096).Span.IndexOfAnyExcept((byte)0) < 0);
        }

        test.Loop.Read(read.Operation, fd, buffer.Whole, 1 << 20);
        test.RunUntil(() => read.Count >= 2 && !read.Operation.IsPending, "the read past the end ends");
        Assert.Equal(0, read.Result);
        File.Delete(path);
    }

    [Fact]
    public void Many_file_reads_in_flight_each_end_once()
    {
        using var test = new LoopHarness(Backend);
        string path = Path.GetTempFileName();
        File.WriteAllBytes(path, new byte[1 << 20]);
        using var handle = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite);
        int fd = (int)handle.DangerousGetHandle();
        using var buffer = new NativeBuffer(1 << 20);
        var reads = Enumerable.Range(0, 1000).Select(_ => new Recorded()).ToArray();
        for (int i = 0; i < reads.Length; i++)
        {
            test.Loop.Read(reads[i].Operation, fd, buffer.Slice(i * 1024, 1024), i * 1024);
        }

        for (int i = 0; i < reads.Length; i += 3)
        {
            test.Loop.Cancel(reads[i].Operation);
        }

        test.RunUntil(() => reads.All(r => r.Count > 0), "every read ends");
        Assert.All(reads, r => Assert.Equal(1, r.Count));
        Assert.All(reads.Where((_, i) => i % 3 != 0), r => Assert.Equal(1024, r.Result));
        Assert.All(reads, r => Assert.Contains(r.Result, new[] { 1024, -Errno.ECANCELED }));
        File.Delete(path);
    }
}
