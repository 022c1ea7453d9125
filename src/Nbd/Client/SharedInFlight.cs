namespace Harness.Nbd;

/// <summary>
/// All that the two threads of a connection share where each drives one side: for each slot of the table of requests in flight who has it, the slots on their
/// way between the two, and a word for each thread that says whether it must be woken. Everything else belongs to one of them: <see cref="InFlight"/> to the
/// thread that submits and receives, the batch and the send to the one that sends. There is no lock, and no system call while both have something to do.
/// </summary>
/// <remarks>
/// <para>A slot's life: the receiving thread takes it and calls <see cref="HandOver"/>; from the moment that <see cref="Publish"/> shows it, the request's
/// fields belong to the sending thread, until that thread says <see cref="Sent"/>. A reply may come before, from a server that answers a WRITE which it has
/// not read to the end, or one that makes cookies up, or simply because the send's completion is looked at later. So both threads end in one atomic exchange on
/// the slot's word, and whoever comes second knows of the first: exactly one of them ends the request. An atomic exchange is a full fence in .NET, so what the
/// sending thread wrote into the request before <see cref="Sent"/> is seen by the receiving thread that finds the word changed.</para>
/// <para>Who sends is decided by one word, <c>_isIdle</c>: the sending thread sets it when it has found nothing, then looks once more
/// (<see cref="MayRest"/>); the other thread publishes, then looks at the word and, where it takes it from 1 to 0, wakes the sending one
/// (<see cref="TakeIdle"/>). Between the store and the look both have a full fence, so at least one of them sees what the other did (Dekker), and the exchange
/// lets only one of them act on it.</para>
/// <para>What is told back goes the same way: it is written, then <c>_isTold</c> is exchanged for 1 (<see cref="RaiseNews"/>), and only who found 0 posts; the
/// other thread exchanges it for 0 first and reads afterwards (<see cref="LowerNews"/>).</para>
/// <para>The members by which the two threads meet are virtual for tests, which stop one thread in each of them while the other goes on.</para>
/// </remarks>
internal class SharedInFlight(int maxSlots)
{
    /// <summary>In the ring in place of a slot: the last request, DISC.</summary>
    public const int Disconnect = -1;

    private const int IsPending = 0;
    private const int HasLeft = 1;
    private const int HasReply = 2;

    private readonly Entry[] _entries = new Entry[maxSlots];
    private int _isIdle = 1;
    private int _isTold;

    /// <summary>From the receiving thread to the sending one: slots whose requests are to be sent.</summary>
    public SlotRing ToSend { get; } = new(maxSlots + 1);

    /// <summary>From the sending thread to the receiving one: slots whose reply had come before their last byte had left.</summary>
    public SlotRing AnsweredBefore { get; } = new(maxSlots);

    /// <summary>Adds a request to those that the sending thread will see with the next publication. The receiving thread.</summary>
    public virtual void HandOver(int slot, ClientRequest request, ulong cookie)
    {
        Fill(slot, request, cookie);
        ToSend.Add(slot);
    }

    /// <summary>Adds DISC; nothing is handed over after it. The receiving thread.</summary>
    public virtual void HandOverDisconnect() => ToSend.Add(Disconnect);

    /// <summary>Shows the sending thread what was handed over; <see cref="TakeIdle"/> then says whether it must be woken. The receiving thread.</summary>
    public virtual void Publish() => ToSend.Publish();

    /// <summary>True where the sending thread had said that it is idle, to one caller only: who has to see that it goes on. Either thread.</summary>
    public virtual bool TakeIdle()
    {
        Interlocked.MemoryBarrier();
        return Volatile.Read(ref _isIdle) == 1 && Interlocked.Exchange(ref _isIdle, 0) == 1;
    }

    /// <summary>
    /// The sending thread has found nothing to send. True where it may rest, since whoever publishes from now on wakes it; false where something has come
    /// meanwhile and is its to send. The sending thread.
    /// </summary>
    public virtual bool MayRest()
    {
        SayIdle();
        return ToSend.IsEmpty || !TakeIdle();
    }

    /// <summary>The request of a slot that was handed over, and its cookie. The sending thread, until <see cref="Sent"/>.</summary>
    public virtual ClientRequest RequestOf(int slot, out ulong cookie)
    {
        cookie = _entries[slot].Cookie;
        return _entries[slot].Request!;
    }

    /// <summary>
    /// Nothing of the request is needed for sending any more; from here on it belongs to the receiving thread. True where its reply has come already, so that
    /// the receiving thread must be told. The sending thread.
    /// </summary>
    public virtual bool Sent(int slot)
    {
        ref Entry entry = ref _entries[slot];
        entry.Request = null;
        return Interlocked.Exchange(ref entry.Progress, HasLeft) == HasReply;
    }

    /// <summary>True once the sending thread has said <see cref="Sent"/>. The receiving thread.</summary>
    public virtual bool IsSent(int slot) => Volatile.Read(ref _entries[slot].Progress) == HasLeft;

    /// <summary>
    /// The reply has come. True where the sending thread still needs the request and will tell; false where it has said <see cref="Sent"/>, and the request can
    /// end now. The receiving thread.
    /// </summary>
    public virtual bool TryLeaveToSender(int slot) => Interlocked.CompareExchange(ref _entries[slot].Progress, HasReply, IsPending) == IsPending;

    /// <summary>There is something to tell the receiving thread. True where nobody is telling it yet, so that the caller must. The sending thread.</summary>
    public virtual bool RaiseNews() => Interlocked.Exchange(ref _isTold, 1) == 0;

    /// <summary>What there is to tell will now be read; what comes from here on is told anew. The receiving thread.</summary>
    public virtual void LowerNews() => Interlocked.Exchange(ref _isTold, 0);

    /// <summary>What the sending thread finds where the slot is shown to it. The receiving thread, before that.</summary>
    protected void Fill(int slot, ClientRequest request, ulong cookie)
    {
        ref Entry entry = ref _entries[slot];
        entry.Request = request;
        entry.Cookie = cookie;
        Volatile.Write(ref entry.Progress, IsPending);
    }

    /// <summary>The sending thread has nothing to do; the look for what has come meanwhile must follow.</summary>
    protected virtual void SayIdle()
    {
        Volatile.Write(ref _isIdle, 1);
        Interlocked.MemoryBarrier();
    }

    private struct Entry
    {
        public ClientRequest? Request;
        public ulong Cookie;
        public int Progress;
    }
}
