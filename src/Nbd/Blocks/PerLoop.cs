namespace Harness.Nbd;

/// <summary>
/// What a block keeps for each loop that asks it, made when a loop first does. Each loop touches its own place only, so nothing takes a lock.
/// </summary>
/// <param name="make">Makes what is kept, on the loop's thread.</param>
internal sealed class PerLoop<T>(Func<BlockLoop, T> make)
    where T : class
{
    private readonly Slot?[] _slots = new Slot?[BlockLoop.MaxLoops];

    /// <summary>What has been made so far. For reports: another thread may be using it.</summary>
    public IEnumerable<T> All => _slots.OfType<Slot>().Select(slot => slot.Value);

    /// <summary>What is kept for a loop. On its thread.</summary>
    public T Of(BlockLoop home)
    {
        // A number is used again where someone had a loop for a while, as who fills a store has, or who looks for a partition before anything is served.
        Slot? slot = _slots[home.Index];
        return slot?.Home == home ? slot.Value : Make(home);
    }

    private T Make(BlockLoop home)
    {
        T value = make(home);
        _slots[home.Index] = new Slot(home, value);
        return value;
    }

    private sealed record Slot(BlockLoop Home, T Value);
}
