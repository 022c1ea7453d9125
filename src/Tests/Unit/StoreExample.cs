using System.Net.Sockets;
using Harness.Io;
using Harness.Nbd;
using Microsoft.Win32.SafeHandles;

namespace Harness.Tests;

/// <summary>The example of the README: a store written as plain calls, and a server for it.</summary>
public sealed class StoreExample
{
    // <example name="store">
    private sealed class FolderStore(string folder, ulong size) : ISynchronousStore
    {
        private const int Piece = 1 << 20;                          // A file for each MiB.

        public string Name => "folder";

        public ulong Size => size;

        public BlockCapabilities Capabilities => BlockCapabilities.None; // No FLUSH: files are as durable as their file system makes them.

        public ThreadModel ThreadModel => ThreadModel.Parallel;     // These calls may overlap; without this line they come one at a time.

        public void Open() => Directory.CreateDirectory(folder);

        public int Read(ulong offset, Span<byte> data)
        {
            while (data.Length > 0)
            {
                Span<byte> part = data[..PartOf(offset, data.Length)];
                part.Clear();                                       // Where there is no file yet, there are zeroes.
                if (File.Exists(PathOf(offset)))
                {
                    using SafeFileHandle file = File.OpenHandle(PathOf(offset), share: FileShare.ReadWrite);
                    RandomAccess.Read(file, part, (long)(offset % Piece));
                }

                data = data[part.Length..];
                offset += (ulong)part.Length;
            }

            return 0;                                               // Or an errno; one that an exception of the system has is found by itself.
        }

        public int Write(ulong offset, ReadOnlySpan<byte> data, NbdCommandFlags flags)
        {
            while (data.Length > 0)
            {
                ReadOnlySpan<byte> part = data[..PartOf(offset, data.Length)];
                using SafeFileHandle file = File.OpenHandle(PathOf(offset), FileMode.OpenOrCreate, FileAccess.Write, FileShare.ReadWrite);
                RandomAccess.Write(file, part, (long)(offset % Piece));
                data = data[part.Length..];
                offset += (ulong)part.Length;
            }

            return 0;
        }

        public void Dispose()
        {
        }

        private static int PartOf(ulong offset, int length) => Math.Min(Piece - (int)(offset % Piece), length);

        private string PathOf(ulong offset) => Path.Combine(folder, $"{offset / Piece}");
    }

    private static void Serve(string folder, string socket, CancellationToken stop)
    {
        using var loop = new EventLoop(LoopBackends.Create("epoll"));
        using var graph = new BlockGraph(new SynchronousBlock(new FolderStore(folder, 64 << 20), threads: 8));
        var server = new NbdServer([new NbdExport("", graph)], [loop], new NbdServerOptions(), new ServerLog(Console.Error.WriteLine));
        using SocketEndpoint endpoint = SocketEndpoint.Unix(socket);
        server.Listen(Sockets.Listen(endpoint), endpoint);
        using CancellationTokenRegistration registration = stop.Register(async () =>
        {
            await server.DrainAsync();                              // What is in flight is finished and answered.
            loop.Stop();
        });
        loop.Run();
        server.Loops[0].Dispose();
    }
    // </example>

    [Fact]
    public void It_does_what_the_README_says()
    {
        using var folder = new TempDir();
        using var stop = new CancellationTokenSource();
        (string disk, string socket) = (folder.File("disk"), folder.File("s"));
        var server = new Thread(() => Serve(disk, socket, stop.Token));
        server.Start();
        Assert.True(SpinWait.SpinUntil(() => Accepts(socket), Tool.Deadline));
        using (var loop = new EventLoop(LoopBackends.Create("epoll")))
        {
            LoopTasks.Run(loop, async () =>
            {
                await using NbdDisk client = await NbdDisk.ConnectAsync(loop, NbdUri.Parse($"nbd+unix:///?socket={socket}"));
                byte[] sent = Wire.Data(1, 3_000_000);
                await client.WriteAsync(1_500_000, sent);
                byte[] received = new byte[4_000_000];
                await client.ReadAsync(1_000_000, received);
                Assert.Equal([.. new byte[500_000], .. sent, .. new byte[500_000]], received);
            });
        }

        Assert.Equal(["1", "2", "3", "4"], Directory.GetFiles(disk).Select(Path.GetFileName).Order());
        stop.Cancel();
        Assert.True(server.Join(Tool.Deadline));
    }

    [Fact]
    public void It_stands_in_the_README_as_it_is_here() => ReadmeExamples.AssertThere("StoreExample.cs", 1);

    private static bool Accepts(string path)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(path));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
