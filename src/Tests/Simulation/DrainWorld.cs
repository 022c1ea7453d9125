using System.Diagnostics;
using Harness.Io;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>
/// A block graph on several loops without a server around it: simulated loops that the test's thread runs in turns, exports, and requests that the test puts
/// in.
/// </summary>
internal sealed class DrainWorld : IBlockRequestOwner, IDisposable
{
    private readonly List<(SimulatedBackend Backend, BlockLoop Home)> _loops = [];
    private readonly Dictionary<BlockRequest, Answer> _asked = [];
    private readonly List<BlockGraph> _exports = [];

    public DrainWorld(int loops = 3)
    {
        for (int i = 0; i < loops; i++)
        {
            var backend = new SimulatedBackend();
            _loops.Add((backend, new BlockLoop(new EventLoop(backend), i) { Log = Log.Add }));
        }

        Drains = new BlockDrains(Nodes, [.. _loops.Select(loop => loop.Home)]);
        Changes = new GraphChanges(Nodes, Drains);
    }

    public BlockNodes Nodes { get; } = new();

    public BlockDrains Drains { get; }

    public GraphChanges Changes { get; }

    public IReadOnlyList<BlockGraph> Exports => _exports;

    /// <summary>What the graph has told.</summary>
    public List<string> Log { get; } = [];

    /// <summary>Releases of answers are left to the test.</summary>
    public bool KeepsAnswers { get; set; }

    public BlockLoop Loop(int index) => _loops[index].Home;

    /// <summary>One more export.</summary>
    public BlockGraph Export(string name, IBlock top, bool readOnly = false)
    {
        var graph = new BlockGraph(top, readOnly);
        graph.Open();
        _exports.Add(graph);
        Nodes.AddExport(name, graph);
        return graph;
    }

    /// <inheritdoc cref="Export(string, IBlock, bool)"/>
    public BlockGraph Export(string name, string chain, bool readOnly = false) => Export(name, Nodes.Parse(chain, readOnly), readOnly);

    /// <summary>A request on one of the loops.</summary>
    public Answer Start(int loop, BlockGraph graph, NbdCommand command, long offset, long length, byte[]? data = null, NbdCommandFlags flags = 0)
    {
        BlockRequest request = Loop(loop).Rent(this);
        var answer = new Answer(request, data is null ? null : new NativeBuffer(data.Length));
        if (data is not null)
        {
            data.CopyTo(answer.Payload!.Whole.Span);
            request.Payload = answer.Payload.Whole;
        }

        (request.Command, request.Flags, request.Offset, request.Length) = (command, flags, (ulong)offset, (ulong)length);
        _asked[request] = answer;
        graph.Start(request);
        return answer;
    }

    public Answer Read(int loop, BlockGraph graph, long offset, long length = 512) => Start(loop, graph, NbdCommand.Read, offset, length);

    public Answer Write(int loop, BlockGraph graph, long offset, byte[] data, NbdCommandFlags flags = 0) =>
        Start(loop, graph, NbdCommand.Write, offset, data.Length, data, flags);

    /// <summary>Runs every loop until nothing more happens by itself. No time passes.</summary>
    public void Settle()
    {
        for (int i = 0; i < 6; i++)
        {
            Turn();
        }
    }

    /// <summary>Lets time pass on all loops.</summary>
    public void Advance(TimeSpan time)
    {
        _loops.ForEach(loop => loop.Backend.Advance(time));
        Settle();
    }

    /// <summary>Runs the loops until a task has ended that other threads have a part in.</summary>
    public T Finish<T>(Task<T> task)
    {
        FinishAny(task);
        return task.GetAwaiter().GetResult();
    }

    /// <inheritdoc cref="Finish{T}(Task{T})"/>
    public void FinishAny(Task task)
    {
        long since = Stopwatch.GetTimestamp();
        while (!task.IsCompleted)
        {
            Turn();
            Thread.Yield();
            Assert.True(Stopwatch.GetElapsedTime(since) < TimeSpan.FromSeconds(60), "the task does not end");
        }
    }

    /// <summary>Runs the loops until something is so that other threads have a part in. No time passes.</summary>
    public void RunUntil(Func<bool> condition)
    {
        long since = Stopwatch.GetTimestamp();
        while (!condition())
        {
            Turn();
            Thread.Yield();
            Assert.True(Stopwatch.GetElapsedTime(since) < TimeSpan.FromSeconds(60), "it does not come to that");
        }
    }

    /// <summary>A change that is refused, and the line that says why.</summary>
    public string Refusal(Task<GraphChange> change)
    {
        FinishAny(change);
        Settle();
        string line = Assert.IsType<BlockException>(change.Exception?.InnerException).Message;
        Assert.DoesNotContain('\n', line);
        return line;
    }

    /// <summary>Every request is back, nothing is held, and no request has a ticket.</summary>
    public void AssertNothingLeft()
    {
        Settle();
        Assert.Empty(Drains.Sections);
        foreach ((SimulatedBackend _, BlockLoop home) in _loops)
        {
            Assert.Equal(0, home.RequestsInUse);
            Assert.Equal(0, home.ChildrenInUse);
            Assert.Equal(0, home.Buffers.InUse);
            Assert.Empty(home.DescribeUnfinished());
            Assert.All(home.All, request => Assert.True(request.Tickets is null && request.HeldAt is null));
        }

        Assert.All(Nodes.All.SelectMany(node => node.Parents), edge => Assert.False(edge.IsGated, $"{edge.OwnerName} still has gates"));
    }

    public void OnRequestCompleted(BlockRequest request)
    {
        Assert.True(_asked.Remove(request, out Answer? answer), "a request was completed twice");
        byte[] data = request.Command == NbdCommand.Read && request.Error == 0 ? new byte[request.Length] : [];
        if (data.Length > 0)
        {
            request.CopyAnswerTo(data);
        }

        answer.Set(request.Error, data);
        if (!KeepsAnswers)
        {
            request.Release();
        }
    }

    public void Dispose()
    {
        _exports.ForEach(export => export.Dispose());
        Nodes.Dispose();
        foreach ((SimulatedBackend _, BlockLoop home) in _loops)
        {
            home.Dispose();
            home.Loop.Dispose();
        }
    }

    private void Turn()
    {
        foreach ((SimulatedBackend _, BlockLoop home) in _loops)
        {
            // With work posted the loop does not sleep, so the clock stands still.
            home.Loop.Post(() => { });
            home.Loop.RunOnce();
        }
    }

    /// <summary>What became of a request.</summary>
    internal sealed class Answer(BlockRequest request, NativeBuffer? payload)
    {
        public BlockRequest Request { get; } = request;

        public NativeBuffer? Payload { get; } = payload;

        public bool IsDone { get; private set; }

        public int Error { get; private set; }

        public byte[] Data { get; private set; } = [];

        /// <summary>Called in the completion, before the request is released.</summary>
        public Action? WhenDone { get; set; }

        public void Set(int error, byte[] data)
        {
            Payload?.Dispose();
            (IsDone, Error, Data) = (true, error, data);
            WhenDone?.Invoke();
        }
    }
}
