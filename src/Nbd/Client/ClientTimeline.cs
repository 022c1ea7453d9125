using System.Numerics;
using System.Runtime.CompilerServices;

namespace Harness.Nbd;

/// <summary>The two sides of a connection, each with a state of its own.</summary>
public enum TimelineSide : byte
{
    /// <summary>Receives replies; its states are <see cref="ReadState"/>.</summary>
    Read,

    /// <summary>Sends requests; its states are <see cref="WriteState"/>.</summary>
    Write,
}

/// <summary>
/// One thing that happened on one side of a connection. Where <see cref="From"/> and <see cref="To"/> differ, the side has moved. Where they are the same, the
/// side stays, and a cookie says that a request passed here: on the write side it was put into a send of so many bytes, on the read side its reply has come
/// whole. Without a cookie it is about the kernel: with 0 bytes the side has begun to wait for it, with more the wait is over and so many bytes have moved.
/// </summary>
/// <param name="TimeNs">On the loop's clock. All that one receive brings has one time, that of the receive.</param>
/// <param name="Cookie">The request, as on the wire; 0 where it is about none.</param>
/// <param name="Bytes">See above; of a move into the data of a READ, the length of the data.</param>
/// <param name="Side">Which side.</param>
/// <param name="From">A <see cref="ReadState"/> or a <see cref="WriteState"/>, by the side.</param>
/// <param name="To">The state from then on.</param>
public readonly record struct TimelineEntry(long TimeNs, ulong Cookie, int Bytes, TimelineSide Side, byte From, byte To)
{
    /// <summary>The side has gone from one state to another.</summary>
    public bool IsMove => From != To;

    /// <summary>A request was put into a send, or its reply has come whole.</summary>
    public bool IsRequest => From == To && Cookie != 0;

    /// <summary>The side has begun to wait for the kernel.</summary>
    public bool BeginsWait => From == To && Cookie == 0 && Bytes == 0;

    /// <summary>The kernel has moved bytes.</summary>
    public bool EndsWait => From == To && Cookie == 0 && Bytes > 0;
}

/// <summary>
/// What the two sides of one connection did and when, in a ring of a fixed size: the newest entries are kept, and nothing is allocated after the beginning. It
/// belongs to the connection's loop thread; where each side has a thread of its own, each has a timeline of its own.
/// </summary>
public sealed class ClientTimeline
{
    private readonly TimelineEntry[] _ring;
    private readonly int _mask;
    private long _recorded;

    // Of the timelines that this one was merged from.
    private long _lostBefore;

    /// <param name="capacity">Entries to keep, rounded up to a power of two, of 24 bytes each: 1 to 2^26. A READ takes about ten of them, counting its share of
    /// the sends and receives.</param>
    public ClientTimeline(int capacity)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(capacity, 1 << 26);
        _ring = new TimelineEntry[BitOperations.RoundUpToPowerOf2((uint)capacity)];
        _mask = _ring.Length - 1;
        // The kernel brings memory when it is first written to, which would fall into what is recorded.
        _ring.AsSpan().Clear();
    }

    /// <summary>Entries that are kept.</summary>
    public int Count => (int)Math.Min(_recorded, _ring.Length);

    /// <summary>Entries that newer ones have overwritten.</summary>
    public long Lost => _lostBefore + Overwritten;

    private long Overwritten => _recorded - Count;

    /// <summary>The kept entries, the oldest first.</summary>
    /// <param name="index">0 to <see cref="Count"/> - 1.</param>
    public TimelineEntry this[int index]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfNegative(index);
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Count);
            return _ring[(int)((Overwritten + index) & _mask)];
        }
    }

    /// <summary>Forgets everything.</summary>
    public void Clear() => _recorded = _lostBefore = 0;

    /// <summary>
    /// The timelines of two threads as one, in the order of time; they must have been made with one clock. What is older than the oldest entry of one that has
    /// lost some counts as lost, so that what is left is whole. Not while either is written to.
    /// </summary>
    /// <param name="writes">The sending thread's; of two entries with one time it comes first, since a reply follows its request.</param>
    /// <param name="reads">The receiving thread's.</param>
    public static ClientTimeline Merged(ClientTimeline writes, ClientTimeline reads)
    {
        long startNs = Math.Max(writes.WholeSinceNs, reads.WholeSinceNs);
        var merged = new ClientTimeline(Math.Max(1, writes.Count + reads.Count)) { _lostBefore = writes.Lost + reads.Lost };
        for (int w = 0, r = 0; w < writes.Count || r < reads.Count;)
        {
            bool takesWrite = r == reads.Count || (w < writes.Count && writes[w].TimeNs <= reads[r].TimeNs);
            TimelineEntry entry = takesWrite ? writes[w++] : reads[r++];
            if (entry.TimeNs >= startNs)
            {
                merged._ring[(int)merged._recorded++] = entry;
            }
            else
            {
                merged._lostBefore++;
            }
        }

        return merged;
    }

    private long WholeSinceNs => Lost > 0 && Count > 0 ? this[0].TimeNs : long.MinValue;

    /// <summary>An entry of the read side.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Add(long timeNs, ReadState from, ReadState to, ulong cookie = 0, int bytes = 0) =>
        _ring[(int)(_recorded++ & _mask)] = new TimelineEntry(timeNs, cookie, bytes, TimelineSide.Read, (byte)from, (byte)to);

    /// <summary>An entry of the write side.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Add(long timeNs, WriteState from, WriteState to, ulong cookie = 0, int bytes = 0) =>
        _ring[(int)(_recorded++ & _mask)] = new TimelineEntry(timeNs, cookie, bytes, TimelineSide.Write, (byte)from, (byte)to);
}
