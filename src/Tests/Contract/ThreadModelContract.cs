using System.Collections.Concurrent;
using Harness.Io;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>
/// Thread models with real threads: three loops ask a store that completes from threads of its own and says what overlapped and what came out of order.
/// </summary>
public sealed class ThreadModelContract
{
    private const int Loops = 3;
    private const int Depth = 16;

    private static readonly int s_requests = TestScale.Pick(4_000, 200_000);

    public static TheoryData<ThreadModel, bool, bool> Models => new()
    {
        // What the store must never see: two requests at once, two of one client at once.
        { ThreadModel.SerializeConnections, false, false },
        { ThreadModel.SerializeAllRequests, false, false },
        { ThreadModel.SerializeRequests, true, false },

        // A gate that lets everything through is what a broken one would be like: the store finds it.
        { ThreadModel.Parallel, true, true },
    };

    [Theory]
    [MemberData(nameof(Models))]
    public void A_store_sees_no_more_at_one_time_than_it_has_asked_for(ThreadModel model, bool overlaps, bool clientsOverlap)
    {
        var store = new WatchedStore(model);
        using var graph = new BlockGraph(store);
        var clients = new Client[Loops];
        Thread[] threads = [.. Enumerable.Range(0, Loops).Select(index => new Thread(() => clients[index] = Client.Run(graph, index, s_requests)))];
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => Assert.True(thread.Join(TimeSpan.FromMinutes(2)), "requests were never completed"));
        Assert.All(clients, client => Assert.Null(client.Trouble));
        Assert.Equal(Loops * s_requests, store.Seen);
        Assert.Equal((overlaps, clientsOverlap), (store.Overlapped, store.ClientOverlapped));

        // In order for each client, whatever is parallel: the gate overtakes nobody.
        Assert.False(store.OutOfOrder);
    }

    /// <summary>Completes from three threads. A request's offset says whose it is, its length which of them it is.</summary>
    private sealed class WatchedStore : TestBlock
    {
        private readonly BlockingCollection<BlockRequest> _work = [];
        private readonly Thread[] _threads;
        private readonly int[] _insideOf = new int[Loops];
        private readonly ulong[] _last = new ulong[Loops];
        private int _inside;
        private int _seen;

        public WatchedStore(ThreadModel model)
        {
            ThreadModel = model;
            _threads = [.. Enumerable.Range(0, 3).Select(_ => new Thread(Serve))];
            Array.ForEach(_threads, thread => thread.Start());
        }

        public int Seen => _seen;

        public bool Overlapped { get; private set; }

        public bool ClientOverlapped { get; private set; }

        public bool OutOfOrder { get; private set; }

        public override void Start(BlockRequest request)
        {
            int client = (int)request.Offset / 65536;
            ulong number = request.Offset % 65536;
            Interlocked.Increment(ref _seen);
            if (Interlocked.Increment(ref _inside) > 1)
            {
                Overlapped = true;
            }

            if (Interlocked.Increment(ref _insideOf[client]) > 1)
            {
                ClientOverlapped = true;
            }

            // Each client's requests come on its own loop's thread.
            if (number != (_last[client] + 1) % 65536)
            {
                OutOfOrder = true;
            }

            _last[client] = number;
            _work.Add(request);
        }

        public override void Dispose()
        {
            _work.CompleteAdding();
            Array.ForEach(_threads, thread => thread.Join());
            _work.Dispose();
        }

        private void Serve()
        {
            foreach (BlockRequest request in _work.GetConsumingEnumerable())
            {
                int client = (int)request.Offset / 65536;
                Thread.SpinWait(20);
                request.AddHole(request.Length);
                Interlocked.Decrement(ref _insideOf[client]);
                Interlocked.Decrement(ref _inside);
                request.Complete(0);
            }
        }
    }

    /// <summary>A client on a loop of its own, on the calling thread.</summary>
    private sealed class Client : IBlockRequestOwner
    {
        private readonly BlockGraph _graph;
        private readonly BlockLoop _home;
        private readonly int _index;
        private int _started;

        private Client(BlockGraph graph, EventLoop loop, int index)
        {
            _graph = graph;
            _index = index;
            _home = new BlockLoop(loop, index);
        }

        public string? Trouble { get; private set; }

        public static Client Run(BlockGraph graph, int index, int requests)
        {
            using var loop = new EventLoop(LoopBackends.Create("epoll"));
            var client = new Client(graph, loop, index);
            while (client._started < requests || client._home.RequestsInUse > 0)
            {
                while (client._started < requests && client._home.RequestsInUse < Depth)
                {
                    client.StartOne();
                }

                loop.RunOnce();
            }

            client._home.Dispose();
            return client;
        }

        public void OnRequestCompleted(BlockRequest request)
        {
            Trouble = request.Error == 0 ? Trouble : $"{request.Text()} ended with {request.Error}";
            request.Release();
        }

        private void StartOne()
        {
            BlockRequest request = _home.Rent(this);
            request.Command = NbdCommand.Read;
            request.Flags = NbdCommandFlags.None;
            request.Offset = (ulong)((_index * 65536) + (++_started % 65536));
            request.Length = 1;
            _graph.Start(request);
        }
    }
}
