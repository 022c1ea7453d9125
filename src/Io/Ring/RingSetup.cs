using Harness.Io.Native;

namespace Harness.Io;

/// <summary>Creates a ring's descriptor with as many of the wanted flags as this kernel knows.</summary>
internal static class RingSetup
{
    // Newest first. A kernel that refuses a flag refuses every newer one too, so what is peeled in this order is never peeled in vain.
    // Where DEFER_TASKRUN goes, COOP_TASKRUN takes its place: it is older, and TASKRUN_FLAG is refused without one of them.
    private static readonly (SetupFlags Remove, SetupFlags Add)[] Peel =
    [
        (SetupFlags.NO_SQARRAY, 0),
        (SetupFlags.DEFER_TASKRUN, SetupFlags.COOP_TASKRUN),
        (SetupFlags.SINGLE_ISSUER, 0),
        (SetupFlags.COOP_TASKRUN | SetupFlags.TASKRUN_FLAG, 0),
        (SetupFlags.SUBMIT_ALL, 0),
        (SetupFlags.R_DISABLED, 0),
        (SetupFlags.CLAMP, 0),
        (SetupFlags.CQSIZE, 0),
    ];

    /// <summary>The new ring's descriptor; what was granted is in <paramref name="parameters"/>.</summary>
    /// <exception cref="RingUnavailableException">The kernel has no ring for us, and why.</exception>
    public static int Create(RingOptions options, RingEnvironment environment, out io_uring_params parameters)
    {
        SetupFlags flags = options.WantedFlags();
        int peeled = 0;
        while (true)
        {
            parameters = new io_uring_params
            {
                flags = flags,
                cq_entries = (flags & SetupFlags.CQSIZE) != 0 ? options.EffectiveCompletionEntries : 0,
                sq_thread_idle = options.SubmissionPollingIdleMs,
                sq_thread_cpu = (uint)Math.Max(options.SubmissionPollingCpu, 0),
            };
            int result = environment.Setup(options.EffectiveEntries, ref parameters);
            if (result >= 0)
            {
                return result;
            }
            // Only EINVAL says "I do not know this flag". EPERM is a decision of the administrator, and asking for less would not change it.
            if (result != -Errno.EINVAL || !PeelOne(ref flags, ref peeled))
            {
                throw RingUnavailableException.Explain(-result, flags, environment);
            }
        }
    }

    private static bool PeelOne(ref SetupFlags flags, ref int peeled)
    {
        while (peeled < Peel.Length)
        {
            (SetupFlags remove, SetupFlags add) = Peel[peeled++];
            if ((flags & remove) == 0)
            {
                continue;
            }

            flags = (flags & ~remove) | add;
            return true;
        }
        return false;
    }
}
