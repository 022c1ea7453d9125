using Harness.Io;
using Harness.Nbd;

namespace Harness.Serve;

/// <summary>Stands before a store, looks just like it, and makes each request dearer.</summary>
internal abstract class SeededBlock(IBlock store) : IBlock
{
    protected IBlock Store { get; } = store;

    public string Name => Store.Name;

    public ulong Size => Store.Size;

    public BlockCapabilities Capabilities => Store.Capabilities;

    public BlockSizeConstraints Constraints => Store.Constraints;

    public ThreadModel ThreadModel => ThreadModels.StrictestOf(Store).Model;

    // The client is told the same as without, so that the bytes on the wire are.
    public string Describe() => Store.Describe();

    public void Open() => Store.Open();

    public abstract void Start(BlockRequest request);

    public virtual void Dispose() => Store.Dispose();
}

/// <summary>One object per request: a header, a type, and room for one field, 24 bytes on 64 bits.</summary>
internal sealed class AllocationBlock(IBlock store) : SeededBlock(store)
{
    // Kept where another thread could see it, or the compiler would do without it.
    private volatile object? _last;

    public override void Start(BlockRequest request)
    {
        _last = new object();
        Store.Start(request);
    }
}

/// <summary>5 µs of CPU per request.</summary>
internal sealed class BusyWaitBlock(IBlock store) : SeededBlock(store)
{
    private const long WaitNs = 5000;

    public override void Start(BlockRequest request)
    {
        long until = MonotonicClock.NowNs + WaitNs;
        while (MonotonicClock.NowNs < until)
        {
            // Spinning is the whole point.
        }

        Store.Start(request);
    }
}

/// <summary>So many instructions per request, to a few.</summary>
internal sealed class InstructionsBlock(IBlock store, int count) : SeededBlock(store)
{
    // What the loop below is compiled to: add, shift, xor, count, compare and jump.
    private const int PerTurn = 6;

    private uint _state = 1;

    public override void Start(BlockRequest request)
    {
        uint state = _state;
        for (int turns = count / PerTurn; turns > 0; turns--)
        {
            state = (state + 1) ^ (state << 1);
        }

        _state = state;
        Store.Start(request);
    }
}

/// <summary>One system call per request.</summary>
internal sealed class SystemCallBlock(IBlock store) : SeededBlock(store)
{
    private readonly SeededSystemCalls?[] _loops = new SeededSystemCalls?[BlockLoop.MaxLoops];

    public override void Start(BlockRequest request) => (_loops[request.Home.Index] ??= new SeededSystemCalls(request.Home.Loop, Store)).Start(request);

    public override void Dispose()
    {
        foreach (SeededSystemCalls? loop in _loops)
        {
            loop?.Dispose();
        }

        base.Dispose();
    }
}
