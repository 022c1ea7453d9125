using Harness.Io;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>The examples of the README: the client with await, and in a loop of one's own.</summary>
public sealed class ClientExamples
{
    // <example name="await">
    private static void CopyFirstMegabyte(string from, string to)
    {
        using var loop = new EventLoop(LoopBackends.Create("epoll"));
        LoopTasks.Run(loop, async () =>                             // The loop and all that is awaited run on this thread.
        {
            await using NbdDisk source = await NbdDisk.ConnectAsync(loop, NbdUri.Parse(from));
            await using NbdDisk target = await NbdDisk.ConnectAsync(loop, NbdUri.Parse(to));
            byte[] bytes = new byte[1 << 20];
            await source.ReadAsync(0, bytes);
            await target.WriteAsync(0, bytes);
            await target.FlushAsync();
        });
    }
    // </example>

    // <example name="loop">
    private sealed class Reader : INbdHandleHandler, IClientRequestHandler
    {
        private readonly NativeBuffer _memory = new(4096);          // The kernel writes into it while the request is in flight.
        private bool _isOver;

        public string Answer { get; private set; } = "";

        public void ReadFirstBlock(IReadOnlyList<SocketEndpoint> server)
        {
            using var handle = new NbdHandle(new NbdClientOptions(), this);
            handle.Connect(server);                                 // Nothing here blocks, from connecting on.
            var request = new ClientRequest(this) { Command = NbdCommand.Read, Length = 4096, Destination = _memory.Whole };
            handle.Issue(request);                                  // Any thread may issue; this one waits for the connection.
            while (!_isOver)
            {
                // Your own loop: poll, epoll, GLib, ... Ask for the direction before each wait: any call may have changed it.
                PollEntry[] entries = [new(handle.Fd, handle.Direction), new(handle.WakeFd, FdFlags.Read)];
                int ready = DescriptorPoll.Wait(entries, handle.TimeoutMs);
                if ((entries[0].Ready & FdFlags.Read) != 0)
                    handle.NotifyRead();
                if ((entries[0].Ready & FdFlags.Write) != 0)
                    handle.NotifyWrite();
                if (entries[1].Ready != 0 || ready == 0)            // Another thread has issued a request, or a deadline has come.
                    handle.NotifyWake();
            }

            _memory.Dispose();
        }

        public void OnReady(NbdHandle handle)
        {
        }

        public void OnCompleted(ClientRequest request, int error)
        {
            Answer = error == 0 ? $"it begins with {_memory.Whole.Span[0]}" : ErrnoText.Of(error);
            _isOver = true;
        }

        public void OnClosed(NbdHandle handle, int error, string reason) => _isOver = true;
    }
    // </example>

    [Fact]
    public void They_do_what_the_README_says()
    {
        using var source = new UpstreamServer(new PatternStore(1 << 20));
        using var target = new UpstreamServer(new MemoryStore(1 << 20));
        CopyFirstMegabyte(source.Uri, target.Uri);
        Assert.Equal(FirstBlock(source.Uri), FirstBlock(target.Uri));
        Assert.StartsWith("it begins with ", FirstBlock(target.Uri), StringComparison.Ordinal);
    }

    [Fact]
    public void They_stand_in_the_README_as_they_are_here() => ReadmeExamples.AssertThere("ClientExamples.cs", 2);

    private static string FirstBlock(string uri)
    {
        IReadOnlyList<SocketEndpoint> server = EndpointResolver.Resolve(NbdUri.Parse(uri));
        var reader = new Reader();
        reader.ReadFirstBlock(server);
        Assert.All(server, endpoint => endpoint.Dispose());
        return reader.Answer;
    }
}
