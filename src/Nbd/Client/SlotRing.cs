using System.Numerics;
using System.Runtime.InteropServices;

namespace Harness.Nbd;

/// <summary>
/// Slots of the table of requests in flight on their way from one thread to another: one adds, the other takes, and neither ever waits. It is never full,
/// because a slot is in it at most once and there are fewer slots than places.
/// </summary>
/// <remarks>
/// The one ordering that is needed: <see cref="Publish"/> stores the count of what was added with release, <see cref="TryPeek"/> loads it with acquire, so who
/// sees the count also sees the slots before it, and everything that their producer wrote earlier. A place is written again only when the consumer has read it:
/// by then more slots than exist have been added behind it, so one of those was taken, sent and given back, and its taker had read this place before.
/// </remarks>
internal sealed class SlotRing
{
    private readonly int[] _places;
    private readonly int _mask;
    private Producer _producer;
    private Consumer _consumer;

    /// <param name="mostSlots">How many can be in it at a time.</param>
    public SlotRing(int mostSlots)
    {
        _places = new int[(int)BitOperations.RoundUpToPowerOf2((uint)mostSlots + 1)];
        _mask = _places.Length - 1;
    }

    /// <summary>Adds a slot, which the consumer sees with the next <see cref="Publish"/>. The producer's thread.</summary>
    public void Add(int slot) => _places[_producer.Added++ & _mask] = slot;

    /// <summary>Shows the consumer all that was added. The producer's thread.</summary>
    public void Publish() => Volatile.Write(ref _producer.Published, _producer.Added);

    /// <summary>True where nothing was published that has not been taken. The consumer's thread.</summary>
    public bool IsEmpty => _consumer.Taken == Volatile.Read(ref _producer.Published);

    /// <summary>The slot whose turn it is, left in place. The consumer's thread.</summary>
    public bool TryPeek(out int slot)
    {
        bool has = !IsEmpty;
        slot = has ? _places[_consumer.Taken & _mask] : -1;
        return has;
    }

    /// <summary>The slot whose turn it is goes. The consumer's thread, after <see cref="TryPeek"/>.</summary>
    public void Drop() => _consumer.Taken++;

    // Each thread writes lines of its own: one that both write would go back and forth between their CPUs with every slot.
    [StructLayout(LayoutKind.Explicit, Size = 192)]
    private struct Producer
    {
        [FieldOffset(64)]
        public int Published;

        [FieldOffset(128)]
        public int Added;
    }

    [StructLayout(LayoutKind.Explicit, Size = 128)]
    private struct Consumer
    {
        [FieldOffset(64)]
        public int Taken;
    }
}
