using Harness.Io.Native;

namespace Harness.Io;

/// <summary>
/// The ring of one loop, with what both ring backends need around it: room for entries, waiting, a wake-up from other threads, and what a completion belongs
/// to.
/// </summary>
internal sealed class LoopRing : IDisposable
{
    // Turns submit a batch at a time; a fuller queue is handed over early, so the size bounds memory and not what can be in flight.
    private const uint Entries = 1024;

    /// <summary>How much of a generation a completion carries.</summary>
    public const uint GenerationMask = 0xff_ffff;

    private readonly WakeEvent _wake;
    private readonly LoopCounters _counters;
    private readonly ICompletionSink _sink;
    private readonly EpollSet? _outer;
    private bool _wakeArmed;

    /// <summary>A ring that belongs to the calling thread.</summary>
    /// <param name="wake">What other threads set to end a sleep.</param>
    /// <param name="counters">Where its calls are shown.</param>
    /// <param name="sink">Takes its completions.</param>
    /// <param name="outer">Where not null, an epoll set of the caller's in which the loop sleeps, with the ring as a member.</param>
    /// <param name="environment">The kernel, where it is not that of the machine.</param>
    public LoopRing(WakeEvent wake, LoopCounters counters, ICompletionSink sink, EpollSet? outer = null, RingEnvironment? environment = null)
    {
        _outer = outer;
        _wake = wake;
        _counters = counters;
        _sink = sink;
        Ring = new Ring(new RingOptions { Entries = Entries }, environment ?? RingEnvironment.Real);
        Ring.Enable();
        Ring.RegisterRingFd();
        _outer?.Control(Epoll.EPOLL_CTL_ADD, Ring.FileDescriptor, Epoll.EPOLLIN);
        SkipSuccess = (Ring.Features & RingFeatures.CQE_SKIP) != 0 ? SqeFlags.CQE_SKIP_SUCCESS : SqeFlags.NONE;
    }

    public Ring Ring { get; }

    /// <summary>For entries whose success is no news: none where the kernel cannot leave it out (before 5.17).</summary>
    public SqeFlags SkipSuccess { get; }

    /// <summary>Set where a completion said nothing of what is asked for: the poll that takes its place is submitted before the present wait ends.</summary>
    public bool MustLookAgain { get; set; }

    public string Description => $"{Ring.Flags.ToNames()}";

    /// <summary>user_data of completions that nobody waits for, such as those of cancel requests.</summary>
    public static ulong Ignored => Pack(CompletionTag.Ignored, 0, 0);

    /// <summary>What identifies a completion: what it is, a slot or descriptor, and its generation, so that a late one is never taken for another's.</summary>
    public static ulong Pack(CompletionTag tag, int index, uint generation) => ((ulong)tag << 56) | ((ulong)(generation & GenerationMask) << 32) | (uint)index;

    public static (CompletionTag Tag, int Index, uint Generation) Unpack(ulong userData) =>
        ((CompletionTag)(userData >> 56), (int)(uint)userData, (uint)(userData >> 32) & GenerationMask);

    /// <summary>Makes room for entries that must go in together.</summary>
    public void Reserve(int entries)
    {
        while (Ring.SqSpaceLeft < entries)
        {
            Submitted(Ring.Submit());
        }
    }

    /// <summary>Hands over what is queued, waits as <see cref="ILoopBackend.Wait"/> says, and gives every completion to the backend.</summary>
    public void Wait(long timeoutNs)
    {
        ArmWake();
        if (timeoutNs != 0 && Ring.CompletionsReady == 0)
        {
            Sleep(timeoutNs);
        }
        else if (Ring.SubmissionsPending > 0 || Ring.NeedsEnter)
        {
            Check(Ring.SubmitAndGetEvents());
        }

        Drain();
        if (MustLookAgain)
        {
            MustLookAgain = false;
            Check(Ring.SubmitAndGetEvents());
            Drain();
        }
    }

    /// <summary>The ring counts for itself; the loop's counters show it.</summary>
    public void Publish()
    {
        _counters.SystemCallsByName[(int)SystemCall.io_uring_enter] = Ring.Enters;
        _counters.Enters = Ring.Enters;
        _counters.Sqes = Ring.Sqes;
        _counters.Cqes = Ring.Cqes;
        _counters.Overflows = Ring.Overflows;
        Ring.SqesByOpcode[.._counters.SqesByOpcode.Length].CopyTo(_counters.SqesByOpcode);
    }

    public void Dispose() => Ring.Dispose();

    private void Sleep(long timeoutNs)
    {
        if (_outer is null)
        {
            Check(Ring.SubmitAndWait(1, timeoutNs));
            return;
        }

        // What is ready at once is there after the submission; only otherwise is the set asked, whose member the ring is.
        Check(Ring.SubmitAndGetEvents());
        if (Ring.CompletionsReady == 0 && _outer.Wait(timeoutNs, 1) > 0)
        {
            Check(Ring.SubmitAndGetEvents());
        }
    }

    private void ArmWake()
    {
        if (!_wakeArmed)
        {
            Reserve(1);
            _wakeArmed = Ring.PreparePollAdd(_wake.Fd, (uint)Poll.POLLIN, multishot: true, Pack(CompletionTag.Wake, 0, 0));
        }
    }

    private void Drain()
    {
        while (Ring.TryTake(out Cqe completion))
        {
            (CompletionTag tag, int index, uint generation) = Unpack(completion.UserData);
            if (tag == CompletionTag.Wake)
            {
                _wake.Clear();
                _counters.Count(SystemCall.read);
                _wakeArmed = completion.HasMore;
            }
            else if (tag != CompletionTag.Ignored)
            {
                _sink.OnCompletion(tag, index, generation, completion);
            }
        }
    }

    private void Submitted(int result)
    {
        if (result == -Errno.EBUSY)
        {
            // The kernel holds completions that found no room; it takes no more entries before we take those.
            Check(Ring.SubmitAndGetEvents());
            Drain();
        }
        else
        {
            Check(result);
        }
    }

    private static void Check(int result)
    {
        if (result < 0 && result is not (-Errno.EINTR or -Errno.EAGAIN or -Errno.EBUSY or -Errno.ETIME))
        {
            throw new IoException("io_uring_enter failed", -result);
        }
    }
}

/// <summary>Takes the completions of a loop's ring.</summary>
internal interface ICompletionSink
{
    void OnCompletion(CompletionTag tag, int index, uint generation, Cqe completion);
}

/// <summary>What a completion of a loop's ring is.</summary>
internal enum CompletionTag : byte
{
    /// <summary>An operation in a slot.</summary>
    Operation,

    /// <summary>The linked timeout of an operation in a slot.</summary>
    LinkTimeout,

    /// <summary>The eventfd of another thread's wake-up.</summary>
    Wake,

    /// <summary>A descriptor became readable.</summary>
    Readable,

    /// <summary>A descriptor became writable.</summary>
    Writable,

    /// <summary>A descriptor with events is ready.</summary>
    Event,

    /// <summary>An epoll set has events.</summary>
    EpollSet,

    /// <summary>Nobody waits for it.</summary>
    Ignored,
}
