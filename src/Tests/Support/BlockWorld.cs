using Harness.Io;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>A chain behind its gate, and a loop that the test runs: in simulated time unless told otherwise.</summary>
internal sealed class BlockWorld : IBlockRequestOwner, IDisposable
{
    private readonly SimulatedBackend? _simulated;
    private readonly Dictionary<BlockRequest, Answer> _asked = [];

    /// <param name="block">The chain.</param>
    /// <param name="backend">Who runs the loop; null for simulated time.</param>
    /// <param name="index">The loop's number, which no other has that asks the same blocks.</param>
    public BlockWorld(IBlock block, string? backend = null, int index = 0)
    {
        _simulated = backend is null ? new SimulatedBackend() : null;
        Loop = new EventLoop(_simulated ?? Create(backend!));
        Home = new BlockLoop(Loop, index) { Log = Log.Add };
        Graph = new BlockGraph(block);
        Graph.Open();
    }

    public EventLoop Loop { get; }

    public BlockLoop Home { get; }

    public BlockGraph Graph { get; }

    /// <summary>Whether READs would rather hear of holes than have their zeroes.</summary>
    public bool WantsHoles { get; set; }

    /// <summary>What blocks have told.</summary>
    public List<string> Log { get; } = [];

    /// <summary>A filter of the catalog before a block of the test's own.</summary>
    public static BlockFilter Filter(string name, string arguments, IBlock next)
    {
        FilterKind kind = FilterCatalog.All.Single(candidate => candidate.Name == name);
        return kind.Make(new FilterArguments(kind, arguments), next);
    }

    /// <summary>Begins a request.</summary>
    public Answer Start(NbdCommand command, long offset, long length, byte[]? data = null, NbdCommandFlags flags = 0)
    {
        BlockRequest request = Home.Rent(this);
        var answer = new Answer(data is null ? null : new NativeBuffer(data.Length));
        if (data is not null)
        {
            data.CopyTo(answer.Payload!.Whole.Span);
            request.Payload = answer.Payload.Whole;
        }

        (request.Command, request.Flags, request.Offset, request.Length) = (command, flags, (ulong)offset, (ulong)length);
        request.WantsHoles = WantsHoles && command == NbdCommand.Read;
        _asked[request] = answer;
        Graph.Start(request);
        return answer;
    }

    public Answer StartWrite(long offset, byte[] data, NbdCommandFlags flags = 0) => Start(NbdCommand.Write, offset, data.Length, data, flags);

    /// <summary>A request from its start to its end; returns its error.</summary>
    public int Do(NbdCommand command, long offset, long length, NbdCommandFlags flags = 0) => Finish(Start(command, offset, length, null, flags)).Error;

    public int Write(long offset, byte[] data, NbdCommandFlags flags = 0) => Finish(StartWrite(offset, data, flags)).Error;

    public byte[] Read(long offset, long length)
    {
        Answer answer = Finish(Start(NbdCommand.Read, offset, length));
        Assert.Equal(0, answer.Error);
        return answer.Data;
    }

    /// <summary>What lies where in a range, as BLOCK_STATUS has it.</summary>
    public BlockExtent[] Status(long offset, long length, NbdCommandFlags flags = 0)
    {
        Answer answer = Finish(Start(NbdCommand.BlockStatus, offset, length, null, flags));
        Assert.Equal(0, answer.Error);
        return answer.Status;
    }

    /// <summary>The first extent of a range.</summary>
    public BlockExtent ExtentAt(long offset, long length) => Assert.Single(Status(offset, length, NbdCommandFlags.ReqOne));

    public Answer Finish(Answer answer)
    {
        while (!answer.IsDone)
        {
            Loop.RunOnce();
        }

        return answer;
    }

    /// <summary>Lets time pass.</summary>
    public void Advance(TimeSpan time)
    {
        _simulated!.Advance(time);
        Settle();
    }

    /// <summary>Runs what is there to be run; no time passes.</summary>
    public void Settle()
    {
        for (int i = 0; i < 3; i++)
        {
            Loop.Post(() => { });
            Loop.RunOnce();
        }
    }

    /// <summary>Every request, child and buffer has been given back.</summary>
    /// <param name="listening">Operations that stay: a connection to another server waits for what it says.</param>
    public void AssertNothingLeft(int listening = 0)
    {
        Assert.Equal(0, Home.RequestsInUse);
        Assert.Equal(0, Home.ChildrenInUse);
        Assert.Equal(0, Home.Buffers.InUse);
        Assert.InRange(Loop.PendingOperations, 0, listening);
        Assert.Equal(0, Graph.InFlightOn(Home).Count);
        Assert.Empty(Home.DescribeUnfinished());
    }

    public void OnRequestCompleted(BlockRequest request)
    {
        Assert.True(_asked.Remove(request, out Answer? answer), "a request was completed twice");
        byte[] data = request.Command == NbdCommand.Read && request.Error == 0 ? new byte[request.Length] : [];
        if (data.Length > 0)
        {
            request.CopyAnswerTo(data);
        }

        answer.Extents = [.. request.Extents.ToArray().Select(extent => (extent.Length, extent.IsHole))];
        answer.ErrorOffset = request.ErrorOffset;
        answer.Set(request.Error, data, request.Status.ToArray(), Loop.NowNs);
        request.Release();
    }

    public void Dispose()
    {
        Home.Dispose();
        Graph.Dispose();
        Loop.Dispose();
    }

    private static ILoopBackend Create(string name)
    {
        try
        {
            return LoopBackends.Create(name);
        }
        catch (RingUnavailableException e)
        {
            throw new SkipException(e.Message);
        }
    }

    /// <summary>What became of a request.</summary>
    internal sealed class Answer(NativeBuffer? payload)
    {
        public NativeBuffer? Payload { get; } = payload;

        public bool IsDone { get; private set; }

        public int Error { get; private set; }

        public byte[] Data { get; private set; } = [];

        public BlockExtent[] Status { get; private set; } = [];

        /// <summary>Of what the answer to a READ was made.</summary>
        public (ulong Length, bool IsHole)[] Extents { get; set; } = [];

        public ulong ErrorOffset { get; set; }

        /// <summary>When, on the loop's clock.</summary>
        public long AtNs { get; private set; }

        public void Set(int error, byte[] data, BlockExtent[] status, long atNs)
        {
            Payload?.Dispose();
            (IsDone, Error, Data, Status, AtNs) = (true, error, data, status, atNs);
        }
    }
}
