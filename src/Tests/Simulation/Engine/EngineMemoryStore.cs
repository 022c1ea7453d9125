using Harness.Nbd;

namespace Harness.Tests;

/// <summary>
/// A memory store beside the array: the program says when a request ends and with which error, and what is told of holes and of what lies where is the
/// memory store's. Data is copied from the array: the store sends its memory as it is when it leaves, and a write beside a READ may come in the middle of a
/// unit.
/// </summary>
internal sealed class EngineMemoryStore : EngineStore
{
    private readonly MemoryStore _memory = new(EngineSetup.DiskBytes);

    public EngineMemoryStore(EngineSetup setup, Random random)
        : base(setup, random)
    {
        _memory.Open();
    }

    public override void Dispose() => _memory.Dispose();

    protected override void Do(BlockRequest request)
    {
        // What would be durable is followed all the same.
        if (request.Command is not (NbdCommand.Read or NbdCommand.BlockStatus))
        {
            base.Do(request);
        }
    }

    protected override void HalfDo(BlockRequest request)
    {
    }

    protected override void Complete(BlockRequest request, int error)
    {
        if (error == 0 && request.Command != NbdCommand.Read)
        {
            _memory.Start(request);
            return;
        }

        if (error == 0)
        {
            Answer(request);
        }

        request.Complete(error);
    }

    private void Answer(BlockRequest request)
    {
        if (!request.WantsHoles)
        {
            Copy(request, request.Offset, request.Length);
            return;
        }

        var walk = new HoleWalk(_memory, request);
        for (ulong at = request.Offset; walk.Next(out ulong length, out bool isHole); at += length)
        {
            if (isHole)
            {
                request.AddHole(length);
            }
            else
            {
                Copy(request, at, length);
            }
        }
    }

    private void Copy(BlockRequest request, ulong at, ulong length)
    {
        PooledBuffer buffer = request.Home.Buffers.Rent((int)length);
        Cached.AsSpan((int)at, (int)length).CopyTo(buffer.Slice.Span);
        request.AddData(buffer.Slice, buffer);
    }
}
