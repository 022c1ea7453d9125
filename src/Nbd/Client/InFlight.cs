using System.Runtime.CompilerServices;

namespace Harness.Nbd;

/// <summary>What the table says about a cookie that a server sent.</summary>
internal enum CookieVerdict : byte
{
    /// <summary>A request waits for this reply.</summary>
    InFlight,

    /// <summary>The request ended at its deadline; the reply is late.</summary>
    Late,

    /// <summary>The slot is free or in use again: the request was answered before.</summary>
    AnsweredBefore,

    /// <summary>No request ever had this cookie.</summary>
    NeverIssued,
}

/// <summary>
/// The requests on the wire: all that the two sides of a connection share. A cookie is generation and slot, generation &lt;&lt; 32 | slot, so a
/// lookup is one index, and a reply that is stale, doubled or made up is told from a good one. Belongs to one connection's loop thread; where
/// another thread sends, to the one that submits and receives, and what that other thread has of it is <see cref="SharedInFlight"/>.
/// </summary>
internal sealed class InFlight
{
    private const int None = -1;
    private const int FirstCapacity = 16;

    private readonly int _maxCapacity;
    private readonly SharedInFlight? _shared;
    private Slot[] _slots = [];
    private ReplyProgress[]? _progress;
    private int _firstFree = None;
    private int _oldest = None;
    private int _newest = None;

    /// <param name="maxCapacity">Requests on the wire at most; the table doubles up to here and never shrinks.</param>
    /// <param name="shared">Where another thread sends: what that thread says of each slot.</param>
    public InFlight(int maxCapacity, SharedInFlight? shared = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxCapacity, 1);
        _maxCapacity = maxCapacity;
        _shared = shared;
        Grow();
    }

    /// <summary>Requests that wait for their replies.</summary>
    public int Count { get; private set; }

    /// <summary>Requests that ended at their deadlines and whose replies may still come.</summary>
    public int Abandoned { get; private set; }

    /// <summary>True where no slot is in use, abandoned ones included.</summary>
    public bool IsEmpty => Count + Abandoned == 0;

    /// <summary>True where there is no slot for one more request.</summary>
    public bool IsFull => _firstFree == None && _slots.Length == _maxCapacity;

    /// <summary>The slot of the oldest request that waits for its reply, or -1.</summary>
    public int Oldest => _oldest;

    /// <summary>The slot of a cookie; meaningful only after <see cref="Judge"/>.</summary>
    public static int SlotOf(ulong cookie) => (int)(uint)cookie;

    /// <summary>Replies come in chunks: from now on each request's <see cref="ProgressOf"/> is kept. Before the first request.</summary>
    public void KeepProgress() => _progress = new ReplyProgress[_slots.Length];

    /// <summary>How far the reply of a slot in use has come.</summary>
    public ref ReplyProgress ProgressOf(int index) => ref _progress![index];

    /// <summary>Takes a slot for a request; the caller has looked at <see cref="IsFull"/>.</summary>
    public int Take(ClientRequest request)
    {
        if (_firstFree == None)
        {
            Grow();
        }

        int index = _firstFree;
        ref Slot slot = ref _slots[index];
        _firstFree = slot.Newer;
        slot.Request = request;
        slot.PayloadBytes = request.Command == NbdCommand.Read ? (uint)request.Length : 0;
        slot.State = SlotState.InFlight;
        slot.Older = _newest;
        slot.Newer = None;
        if (_newest == None)
        {
            _oldest = index;
        }
        else
        {
            _slots[_newest].Newer = index;
        }

        _newest = index;
        Count++;
        if (_progress is not null)
        {
            _progress[index] = new ReplyProgress { Offset = request.Offset, Command = request.Command, Flags = request.Flags };
        }

        return index;
    }

    /// <summary>The cookie of a slot in use.</summary>
    public ulong CookieOf(int index) => ((ulong)_slots[index].Generation << 32) | (uint)index;

    /// <summary>The request of a slot; null where it was abandoned.</summary>
    public ClientRequest? RequestOf(int index) => _slots[index].Request;

    /// <summary>Bytes that follow a good reply: those of a READ, kept even where the request was abandoned.</summary>
    public uint PayloadBytesOf(int index) => _slots[index].PayloadBytes;

    /// <summary>Whether a reply with this cookie is expected. Never throws: the cookie comes from the peer.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public CookieVerdict Judge(ulong cookie)
    {
        uint index = (uint)cookie;
        uint generation = (uint)(cookie >> 32);
        if (index >= (uint)_slots.Length)
        {
            return CookieVerdict.NeverIssued;
        }

        ref Slot slot = ref _slots[index];
        if (slot.Generation == generation && slot.State is SlotState.InFlight or SlotState.Abandoned && !slot.IsAnswered)
        {
            return slot.State == SlotState.InFlight ? CookieVerdict.InFlight : CookieVerdict.Late;
        }

        return JudgeUnexpected(in slot, generation);
    }

    /// <summary>Gives the slot back; its generation rises, so the same cookie is not good twice.</summary>
    public void Release(int index)
    {
        ref Slot slot = ref _slots[index];
        if (slot.State == SlotState.Abandoned)
        {
            Abandoned--;
        }
        else
        {
            Unlink(ref slot);
            Count--;
        }

        slot.Request = null;
        slot.State = SlotState.Free;
        slot.IsSending = false;
        slot.IsAnswered = false;
        // Generation 0 is never issued, so a cookie that is a bare small number is never good.
        slot.Generation = slot.Generation == uint.MaxValue ? 1 : slot.Generation + 1;
        slot.Newer = _firstFree;
        _firstFree = index;
    }

    /// <summary>The request ends at its deadline, but its slot stays taken until the late reply, so that the reply can be told from a forged one.</summary>
    public ClientRequest Abandon(int index)
    {
        ref Slot slot = ref _slots[index];
        ClientRequest request = slot.Request!;
        Unlink(ref slot);
        Count--;
        Abandoned++;
        slot.Request = null;
        slot.State = SlotState.Abandoned;
        return request;
    }

    /// <summary>
    /// Marks a request whose payload the kernel still reads, or that another thread has not sent: it does not end before <see cref="SentPayload"/>, even where
    /// its reply comes first.
    /// </summary>
    public void SendingPayload(int index) => _slots[index].IsSending = true;

    /// <summary>True while the kernel may still read the request's payload, or another thread the request.</summary>
    public bool IsSending(int index) => _slots[index].IsSending && (_shared is null || !_shared.IsSent(index));

    /// <summary>
    /// A reply came while the request was still being sent; keeps its result for later. False where another thread has just sent it, so that it can end now.
    /// </summary>
    public bool Answered(int index, int error, long nowNs)
    {
        if (_shared is { } shared && !shared.TryLeaveToSender(index))
        {
            return false;
        }

        ref Slot slot = ref _slots[index];
        slot.IsAnswered = true;
        slot.Error = error;
        slot.Request!.CompletedNs = nowNs;
        return true;
    }

    /// <summary>The last byte of the payload has left. True, with the result, where the reply had come before.</summary>
    public bool SentPayload(int index, out int error)
    {
        ref Slot slot = ref _slots[index];
        slot.IsSending = false;
        error = slot.Error;
        return slot.IsAnswered;
    }

    private static CookieVerdict JudgeUnexpected(in Slot slot, uint generation)
    {
        bool current = slot.Generation == generation;
        if (current && slot.IsAnswered)
        {
            return CookieVerdict.AnsweredBefore;
        }

        return generation != 0 && generation < slot.Generation ? CookieVerdict.AnsweredBefore : CookieVerdict.NeverIssued;
    }

    private void Unlink(ref Slot slot)
    {
        if (slot.Older == None)
        {
            _oldest = slot.Newer;
        }
        else
        {
            _slots[slot.Older].Newer = slot.Newer;
        }

        if (slot.Newer == None)
        {
            _newest = slot.Older;
        }
        else
        {
            _slots[slot.Newer].Older = slot.Older;
        }
    }

    private void Grow()
    {
        int before = _slots.Length;
        int after = (int)Math.Min(_maxCapacity, Math.Max(FirstCapacity, before * 2L));
        Array.Resize(ref _slots, after);
        if (_progress is not null)
        {
            Array.Resize(ref _progress, after);
        }

        for (int index = after - 1; index >= before; index--)
        {
            _slots[index].Generation = 1;
            _slots[index].Newer = _firstFree;
            _firstFree = index;
        }
    }

    private enum SlotState : byte
    {
        Free,
        InFlight,
        Abandoned,
    }

    private struct Slot
    {
        public ClientRequest? Request;
        public uint Generation;
        public uint PayloadBytes;
        public int Older;
        public int Newer;
        public int Error;
        public SlotState State;
        public bool IsSending;
        public bool IsAnswered;
    }
}
