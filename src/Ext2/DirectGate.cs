using System.Runtime.InteropServices;
using Harness.Nbd;

namespace Harness.Ext2;

/// <summary>
/// Keeps requests that go to the image directly apart from those that take blocks away: a block that is freed may belong to something else a moment later. Each
/// loop counts its own requests; whoever closes the gate sees them leave, and those that come meanwhile are sent to the owner, where they wait.
/// </summary>
internal sealed class DirectGate
{
    private readonly PerLoop<Use> _uses = new(_ => new Use());
    private int _closed;

    /// <summary>Called by whoever leaves a closed gate, on the thread of its loop.</summary>
    public required Action Left { get; init; }

    /// <summary>True while it is closed.</summary>
    public bool IsClosed => Volatile.Read(ref _closed) != 0;

    /// <summary>True where nobody is inside. On the owner's thread, after <see cref="Close"/>.</summary>
    public bool IsEmpty => _uses.All.All(use => Volatile.Read(ref use.Count) == 0);

    /// <summary>Before the map is looked at: true where the request may go to the image itself, until <see cref="Leave"/>. On its loop's thread.</summary>
    public bool TryEnter(BlockLoop home)
    {
        // The count comes before the look, and in Close the look at the counts after the word: so one of the two sees the other.
        Interlocked.Increment(ref _uses.Of(home).Count);
        if (!IsClosed)
        {
            return true;
        }

        Leave(home);
        return false;
    }

    /// <summary>The request has done with the image, or goes to the owner. On its loop's thread.</summary>
    public void Leave(BlockLoop home)
    {
        if (Interlocked.Decrement(ref _uses.Of(home).Count) == 0 && IsClosed)
        {
            Left();
        }
    }

    /// <summary>Lets nobody in from now on. On the owner's thread.</summary>
    public void Close() => Interlocked.Exchange(ref _closed, 1);

    /// <summary>On the owner's thread.</summary>
    public void Open() => Interlocked.Exchange(ref _closed, 0);

    /// <summary>Requests of one loop, on a cache line that no other loop writes.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 128)]
    private sealed class Use
    {
        public int Count;
    }
}
