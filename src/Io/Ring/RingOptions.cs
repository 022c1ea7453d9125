namespace Harness.Io;

/// <summary>
/// What to ask of the kernel for a new <see cref="Ring"/>. What it does not know is left out; <see cref="Ring.Flags"/> says what was granted.
/// </summary>
public sealed record RingOptions
{
    /// <summary>Slots of the submission queue; the kernel rounds up to a power of two, 2 at least. 1 to 32768, 256 unless set.</summary>
    public uint Entries { get; init; } = 256;

    /// <summary>
    /// Slots of the completion queue; 0 means four times <see cref="Entries"/>, which keeps multishot requests from overflowing it. Otherwise at least <see
    /// cref="Entries"/>.
    /// </summary>
    public uint CompletionEntries { get; init; }

    /// <summary>Only the thread that enables the ring submits to it (6.0). On unless set; another thread then gets <c>-EEXIST</c>.</summary>
    public bool SingleIssuer { get; init; } = true;

    /// <summary>
    /// Completions are processed only when asked for (6.1). On unless set; needs <see cref="SingleIssuer"/>; left out with <see cref="SubmissionPolling"/>.
    /// </summary>
    public bool DeferTaskRun { get; init; } = true;

    /// <summary>A bad entry completes with its error and does not hold up those after it (5.18). On unless set.</summary>
    public bool SubmitAll { get; init; } = true;

    /// <summary>The ring starts disabled: <see cref="Ring.Enable"/> on the owner's thread makes it that thread's (5.10). On unless set.</summary>
    public bool StartDisabled { get; init; } = true;

    /// <summary>
    /// A kernel thread polls for submissions (SQPOLL). It keeps one CPU busy, so it wants a spare one. Before 5.11 it needs root and registered files.
    /// </summary>
    public bool SubmissionPolling { get; init; }

    /// <summary>Milliseconds after which an idle SQPOLL thread goes to sleep; 0 means the kernel's own choice, one second.</summary>
    public uint SubmissionPollingIdleMs { get; init; }

    /// <summary>CPU of the SQPOLL thread, or -1 to leave it free.</summary>
    public int SubmissionPollingCpu { get; init; } = -1;

    // A wait with a time limit may need two slots of its own.
    internal uint EffectiveEntries => Math.Max(Entries, 2);

    internal uint EffectiveCompletionEntries => CompletionEntries != 0 ? Math.Max(CompletionEntries, EffectiveEntries) : EffectiveEntries * 4;

    internal void Validate()
    {
        if (Entries is 0 or > 32768)
        {
            throw new ArgumentOutOfRangeException(nameof(Entries), Entries, "a ring has 1 to 32768 submission entries");
        }

        if (CompletionEntries != 0 && CompletionEntries < Entries)
        {
            throw new ArgumentOutOfRangeException(nameof(CompletionEntries), CompletionEntries, "a completion queue is at least as large as the submission queue");
        }

        if (SubmissionPollingCpu < -1)
        {
            throw new ArgumentOutOfRangeException(nameof(SubmissionPollingCpu), SubmissionPollingCpu, "a CPU number, or -1 for any");
        }
    }

    internal SetupFlags WantedFlags()
    {
        SetupFlags flags = SetupFlags.CQSIZE | SetupFlags.CLAMP | SetupFlags.NO_SQARRAY;
        if (SubmitAll)
        {
            flags |= SetupFlags.SUBMIT_ALL;
        }

        if (StartDisabled)
        {
            flags |= SetupFlags.R_DISABLED;
        }

        if (SingleIssuer)
        {
            flags |= SetupFlags.SINGLE_ISSUER;
        }

        if (SubmissionPolling)
        {
            return flags | SetupFlags.SQPOLL | (SubmissionPollingCpu >= 0 ? SetupFlags.SQ_AFF : 0);
        }
        // The kernel takes TASKRUN_FLAG only beside one of the two ways of not interrupting the thread.
        return flags | SetupFlags.TASKRUN_FLAG | (SingleIssuer && DeferTaskRun ? SetupFlags.DEFER_TASKRUN : SetupFlags.COOP_TASKRUN);
    }
}
