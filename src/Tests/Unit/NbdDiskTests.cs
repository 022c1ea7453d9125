using Harness.Io;
using Harness.Io.Native;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>The client as tasks: on one thread with its loop, from many threads, with pieces, cancellation, errors and a server that comes back.</summary>
public class NbdDiskTests
{
    private const int DiskBytes = 48 << 20;

    [Fact]
    public void Everything_on_one_thread_and_nothing_sleeps()
    {
        using var server = new UpstreamServer(new MemoryStore(DiskBytes));
        NeverSleeps.In(watch => OnLoop(async loop =>
        {
            int thread = Environment.CurrentManagedThreadId;
            var options = new NbdSessionOptions { Client = NbdDisk.UsualClient, Watch = watch };
            await using NbdDisk disk = await NbdDisk.ConnectAsync(loop, UriOf(server.Uri), options);
            Assert.Equal((ulong)DiskBytes, disk.Size);
            byte[] written = new byte[100_000];
            new Random(1).NextBytes(written);
            await Task.WhenAll(disk.WriteAsync(0, written.AsMemory(0, 50_000)), disk.WriteAsync(50_000, written.AsMemory(50_000), fua: true));
            await disk.FlushAsync();
            byte[] read = new byte[written.Length];
            await disk.ReadAsync(0, read);
            Assert.Equal(written, read);
            await disk.ZeroAsync(4096, 8192);
            await disk.TrimAsync(65_536, 4096);
            await disk.ReadAsync(4096, read.AsMemory(0, 8192));
            Assert.True(read.AsSpan(0, 8192).IndexOfAnyExcept((byte)0) < 0);
            Assert.Equal(thread, Environment.CurrentManagedThreadId);
        }));
    }

    [Fact]
    public void Extents_cover_the_range_and_say_what_lies_where()
    {
        using var server = new UpstreamServer(new MemoryStore(DiskBytes));
        OnLoop(async loop =>
        {
            await using NbdDisk disk = await NbdDisk.ConnectAsync(loop, UriOf(server.Uri));
            await disk.WriteAsync(1 << 20, new byte[] { 1 });
            IReadOnlyList<NbdExtent> extents = await disk.ExtentsAsync(4096, DiskBytes - 4096);
            Assert.Equal(4096ul, extents[0].Offset);
            Assert.All(extents.Zip(extents.Skip(1)), pair => Assert.Equal(pair.First.Offset + pair.First.Length, pair.Second.Offset));
            Assert.Equal((ulong)DiskBytes, extents[^1].Offset + extents[^1].Length);
            NbdExtent data = Assert.Single(extents, extent => !extent.IsZero);
            Assert.True(data.Offset <= 1 << 20 && data.Offset + data.Length > 1 << 20);
        });
    }

    [Fact]
    public void More_than_a_request_can_carry_goes_in_pieces()
    {
        using var server = new UpstreamServer(new MemoryStore(DiskBytes));
        OnLoop(async loop =>
        {
            await using NbdDisk disk = await NbdDisk.ConnectAsync(loop, UriOf(server.Uri));
            byte[] all = new byte[DiskBytes];
            new Random(2).NextBytes(all);
            await disk.WriteAsync(0, all);
            byte[] back = new byte[DiskBytes];
            await disk.ReadAsync(0, back);
            Assert.True(all.AsSpan().SequenceEqual(back));
        });
    }

    [Fact]
    public async Task Any_thread_may_call_while_another_runs_the_loop()
    {
        using var server = new UpstreamServer(new MemoryStore(DiskBytes));
        EventLoop? loop = null;
        using var made = new ManualResetEventSlim();
        var thread = new Thread(() =>
        {
            using (loop = new EventLoop(LoopBackends.Create("epoll")))
            {
                made.Set();
                loop.Run();
            }
        });
        thread.Start();
        made.Wait();
        await using (NbdDisk disk = await NbdDisk.ConnectAsync(loop!, UriOf(server.Uri)))
        {
            await Task.WhenAll(Enumerable.Range(0, 8).Select(worker => Task.Run(async () =>
            {
                byte[] bytes = new byte[4096];
                for (int i = 0; i < 50; i++)
                {
                    Array.Fill(bytes, (byte)i);
                    await disk.WriteAsync((ulong)worker * 4096, bytes);
                    Array.Clear(bytes);
                    await disk.ReadAsync((ulong)worker * 4096, bytes);
                    Assert.Equal((byte)i, bytes[4095]);
                }
            })));
        }

        loop!.Stop();
        thread.Join();
    }

    [Fact]
    public void Who_cancels_has_the_memory_back_and_the_rest_goes_on()
    {
        var held = new HeldBlock();
        using var server = new UpstreamServer(held);
        OnLoop(async loop =>
        {
            await using NbdDisk disk = await NbdDisk.ConnectAsync(loop, UriOf(server.Uri));
            using var cancel = new CancellationTokenSource();
            byte[] memory = [7, 7, 7, 7];
            Task read = disk.ReadAsync(0, memory, cancel.Token);
            Task other = disk.ReadAsync(512, new byte[512]);
            while (held.Commands.Count < 2)
            {
                await Task.Delay(1);
            }

            cancel.Cancel();
            OperationCanceledException cancelled = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => read);
            Assert.Equal(cancel.Token, cancelled.CancellationToken);
            server.Do(held.CompleteAll);
            await other;

            // The answer came, and went nowhere.
            Assert.Equal([7, 7, 7, 7], memory);
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => disk.FlushAsync(cancel.Token));
        });
    }

    [Fact]
    public void Errors_name_the_request_and_say_why()
    {
        using var server = new UpstreamServer(new MemoryStore(1 << 20));
        OnLoop(async loop =>
        {
            await using NbdDisk disk = await NbdDisk.ConnectAsync(loop, UriOf(server.Uri));
            NbdClientException error = await Assert.ThrowsAsync<NbdClientException>(() => disk.ReadAsync(disk.Size - 100, new byte[200]));
            Assert.Equal(Errno.EINVAL, error.Errno);
            Assert.StartsWith($"READ of 200 bytes at {(1 << 20) - 100} failed: EINVAL", error.Message, StringComparison.Ordinal);
        });
    }

    [Fact]
    public void A_server_that_is_not_there_is_said_and_waiting_for_it_can_be_cancelled()
    {
        using var folder = new TempDir();
        var uri = UriOf($"nbd+unix:///?socket={folder.File("none")}");
        OnLoop(async loop =>
        {
            NbdClientException error = await Assert.ThrowsAsync<NbdClientException>(
                () => NbdDisk.ConnectAsync(loop, uri, new NbdSessionOptions { AwayTimeoutNs = 30_000_000, FirstPauseNs = 5_000_000 }));
            Assert.Equal(Errno.ENOENT, error.Errno);
            Assert.Contains("there is no such socket", error.Message, StringComparison.Ordinal);
            using var cancel = new CancellationTokenSource(10);
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => NbdDisk.ConnectAsync(loop, uri, cancel: cancel.Token));
        });
    }

    [Fact]
    public void A_server_that_comes_back_is_waited_for()
    {
        using var folder = new TempDir();
        File.WriteAllBytes(folder.File("disk"), new byte[1 << 20]);
        using var server = new UpstreamServer(StoreOf(folder));
        OnLoop(async loop =>
        {
            await using NbdDisk disk = await NbdDisk.ConnectAsync(loop, UriOf(server.Uri));
            await disk.WriteAsync(0, new byte[] { 1, 2, 3 });
            server.Stop();
            byte[] read = new byte[3];
            Task waiting = disk.ReadAsync(0, read);
            await Task.Delay(10);
            Assert.False(waiting.IsCompleted);
            server.Start(StoreOf(folder));
            await waiting;
            Assert.Equal([1, 2, 3], read);
            NbdClientException error = await Assert.ThrowsAsync<NbdClientException>(() => disk.FlushAsync());
            Assert.Contains("may be lost", error.Message, StringComparison.Ordinal);
            await disk.FlushAsync();
        });
    }

    [Fact]
    public void A_server_that_comes_back_with_another_disk_is_not_used()
    {
        using var server = new UpstreamServer(new MemoryStore(1 << 20));
        OnLoop(async loop =>
        {
            await using NbdDisk disk = await NbdDisk.ConnectAsync(loop, UriOf(server.Uri));
            server.Stop();
            Task waiting = disk.ReadAsync(0, new byte[3]);
            server.Start(new MemoryStore(2 << 20));
            NbdClientException error = await Assert.ThrowsAsync<NbdClientException>(() => waiting);
            Assert.Equal(Errno.EPROTO, error.Errno);
            Assert.Contains($"the export has {2 << 20} bytes now, and had {1 << 20}", error.Message, StringComparison.Ordinal);
        });
    }

    [Fact]
    public void Its_thread_makes_no_other()
    {
        // What starts threads stays out of the client; the loops that do file operations for stores are another matter.
        string[] forbidden = ["new Thread(", "ThreadPool.", "Task.Run(", "StartNew("];
        string folder = Path.Combine(Repository.Root, "src", "Nbd", "Client");
        Assert.Empty(
            from file in Directory.EnumerateFiles(folder, "*.cs", SearchOption.AllDirectories)
            let text = File.ReadAllText(file)
            from word in forbidden
            where text.Contains(word, StringComparison.Ordinal)
            select $"{Path.GetFileName(file)}: {word}");
    }

    private static void OnLoop(Func<EventLoop, Task> body)
    {
        using var loop = new EventLoop(LoopBackends.Create("epoll"));
        LoopTasks.Run(loop, () => body(loop).WaitAsync(TimeSpan.FromSeconds(60)));
    }

    private static FileStore StoreOf(TempDir folder) => new(folder.File("disk"), readOnly: false);

    private static NbdUri UriOf(string text) => NbdUri.Parse(text);
}
