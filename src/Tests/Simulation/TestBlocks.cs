using Harness.Io;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>What the blocks of the tests share: 1 MiB, able to do everything but FUA.</summary>
internal abstract class TestBlock : IBlock
{
    public string Name => "test";

    public ulong Size => 1 << 20;

    public virtual BlockCapabilities Capabilities => BlockCapabilities.Flush | BlockCapabilities.Trim | BlockCapabilities.WriteZeroes;

    public virtual BlockSizeConstraints Constraints => BlockSizeConstraints.Default;

    public ThreadModel ThreadModel { get; init; } = ThreadModel.Parallel;

    public int Opened { get; private set; }

    public string Describe() => "test block";

    public virtual void Open() => Opened++;

    public abstract void Start(BlockRequest request);

    public virtual void Dispose()
    {
    }
}

/// <summary>Keeps every request until the test completes it.</summary>
internal class HeldBlock : TestBlock
{
    public List<BlockRequest> Held { get; } = [];

    /// <summary>Commands in the order in which they came.</summary>
    public List<NbdCommand> Commands { get; } = [];

    public override void Start(BlockRequest request)
    {
        Commands.Add(request.Command);
        Held.Add(request);
    }

    /// <summary>Completes the request of an offset.</summary>
    public void Complete(ulong offset) => CompleteAt(Held.FindIndex(request => request.Offset == offset), error: 0);

    /// <summary>Completes the oldest.</summary>
    public void CompleteOne(int error = 0) => CompleteAt(0, error);

    public void CompleteAll()
    {
        while (Held.Count > 0)
        {
            CompleteOne();
        }
    }

    private void CompleteAt(int index, int error)
    {
        BlockRequest request = Held[index];
        Held.RemoveAt(index);
        if (request.Command == NbdCommand.Read && error == 0)
        {
            request.AddHole(request.Length);
        }

        request.Complete(error);
    }
}

/// <summary>Does at once what the test says.</summary>
internal sealed class ActingBlock(Action<BlockRequest> act) : TestBlock
{
    public override void Start(BlockRequest request) => act(request);
}

/// <summary>A lease that counts its releases.</summary>
internal sealed class CountedLease(NativeBuffer memory) : ILease
{
    public int Releases { get; private set; }

    public NativeSlice Memory => memory.Whole;

    public void Release() => Releases++;
}
