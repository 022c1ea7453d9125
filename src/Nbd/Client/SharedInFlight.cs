namespace Harness.Nbd;

/// <summary>
/// All that the two threads of a connection share where each drives one side: for each slot of the table of requests in flight who has it, and the slots on
/// their way between the two. Everything else belongs to one of them: <see cref="InFlight"/> to the thread that submits and receives, the batch and the send to
/// the one that sends.
/// </summary>
/// <remarks>
/// A slot's life: the receiving thread takes it and calls <see cref="HandOver"/>; from the moment that <see cref="SlotRing.Publish"/> shows it, the request's
/// fields belong to the sending thread, until that thread says <see cref="Sent"/>. A reply may come before, from a server that answers a WRITE which it has
/// not read to the end, or one that makes cookies up, or simply because the send's completion is looked at later. So both threads end in one atomic exchange on
/// the slot's word, and whoever comes second knows of the first: exactly one of them ends the request. An atomic exchange is a full fence in .NET, so what the
/// sending thread wrote into the request before <see cref="Sent"/> is seen by the receiving thread that finds the word changed.
/// </remarks>
internal sealed class SharedInFlight(int maxSlots)
{
    /// <summary>In the ring in place of a slot: the last request, DISC.</summary>
    public const int Disconnect = -1;

    private const int IsPending = 0;
    private const int HasLeft = 1;
    private const int HasReply = 2;

    private readonly Entry[] _entries = new Entry[maxSlots];

    /// <summary>From the receiving thread to the sending one: slots whose requests are to be sent.</summary>
    public SlotRing ToSend { get; } = new(maxSlots + 1);

    /// <summary>From the sending thread to the receiving one: slots whose reply had come before their last byte had left.</summary>
    public SlotRing AnsweredBefore { get; } = new(maxSlots);

    /// <summary>Adds a request to those that the sending thread will see with the next publication. The receiving thread.</summary>
    public void HandOver(int slot, ClientRequest request, ulong cookie)
    {
        ref Entry entry = ref _entries[slot];
        entry.Request = request;
        entry.Cookie = cookie;
        Volatile.Write(ref entry.Progress, IsPending);
        ToSend.Add(slot);
    }

    /// <summary>The request of a slot that was handed over, and its cookie. The sending thread, until <see cref="Sent"/>.</summary>
    public ClientRequest RequestOf(int slot, out ulong cookie)
    {
        cookie = _entries[slot].Cookie;
        return _entries[slot].Request!;
    }

    /// <summary>
    /// Nothing of the request is needed for sending any more; from here on it belongs to the receiving thread. True where its reply has come already, so that
    /// the receiving thread must be told. The sending thread.
    /// </summary>
    public bool Sent(int slot)
    {
        ref Entry entry = ref _entries[slot];
        entry.Request = null;
        return Interlocked.Exchange(ref entry.Progress, HasLeft) == HasReply;
    }

    /// <summary>True once the sending thread has said <see cref="Sent"/>. The receiving thread.</summary>
    public bool IsSent(int slot) => Volatile.Read(ref _entries[slot].Progress) == HasLeft;

    /// <summary>
    /// The reply has come. True where the sending thread still needs the request and will tell; false where it has said <see cref="Sent"/>, and the request can
    /// end now. The receiving thread.
    /// </summary>
    public bool TryLeaveToSender(int slot) => Interlocked.CompareExchange(ref _entries[slot].Progress, HasReply, IsPending) == IsPending;

    private struct Entry
    {
        public ClientRequest? Request;
        public ulong Cookie;
        public int Progress;
    }
}
