using System.Runtime.InteropServices;
using Harness.Io.Native;

namespace Harness.Io;

/// <summary>What a process or a thread has used so far; see getrusage(2). Two of them subtract to what was used between.</summary>
/// <param name="UserUs">Microseconds of CPU in user mode.</param>
/// <param name="SystemUs">Microseconds of CPU in the kernel.</param>
/// <param name="VoluntarySwitches">Context switches because the thread waited for something.</param>
/// <param name="InvoluntarySwitches">Context switches because another thread was given the CPU.</param>
/// <param name="MaxResidentKb">The largest resident set so far, in KiB; a difference keeps the later one's.</param>
public readonly record struct CpuUsage(long UserUs, long SystemUs, long VoluntarySwitches, long InvoluntarySwitches, long MaxResidentKb)
{
    /// <summary>Microseconds of CPU, user and system.</summary>
    public long CpuUs => UserUs + SystemUs;

    /// <summary>Context switches of both kinds.</summary>
    public long ContextSwitches => VoluntarySwitches + InvoluntarySwitches;

    /// <summary>What was used from <paramref name="before"/> to <paramref name="after"/>.</summary>
    public static CpuUsage operator -(CpuUsage after, CpuUsage before) => new(
        after.UserUs - before.UserUs,
        after.SystemUs - before.SystemUs,
        after.VoluntarySwitches - before.VoluntarySwitches,
        after.InvoluntarySwitches - before.InvoluntarySwitches,
        after.MaxResidentKb);

    internal static unsafe CpuUsage Read(int who)
    {
        Resource.rusage usage;
        if (Resource.getrusage(who, &usage) < 0)
        {
            throw new IoException("cannot read what the process has used", Marshal.GetLastSystemError());
        }

        return new CpuUsage(
            (usage.ru_utime_sec * 1_000_000) + usage.ru_utime_usec,
            (usage.ru_stime_sec * 1_000_000) + usage.ru_stime_usec,
            usage.ru_nvcsw,
            usage.ru_nivcsw,
            usage.ru_maxrss);
    }
}

/// <summary>What the whole process has used. Any thread may ask; one system call.</summary>
public static class ProcessUsage
{
    // The kernel's PID_MAX_LIMIT, see proc(5). A clock's number has no room for the highest bits of a larger one, and would be another process's.
    private const int MaxProcessId = 1 << 22;

    /// <summary>Of all threads of the process since its start; RUSAGE_SELF.</summary>
    public static CpuUsage Now() => CpuUsage.Read(Resource.RUSAGE_SELF);

    /// <summary>Of all children that have ended and been waited for, and of theirs; RUSAGE_CHILDREN.</summary>
    public static CpuUsage OfChildren() => CpuUsage.Read(Resource.RUSAGE_CHILDREN);

    /// <summary>
    /// Microseconds of CPU that another process has used since its start: user and system, of all its threads, those that have ended among them; not of its
    /// children. The kernel counts it in nanoseconds, where /proc/PID/stat has hundredths of a second. See clock_getcpuclockid(3).
    /// </summary>
    /// <param name="processId">The process; any user's.</param>
    /// <returns>Null where there is no such process.</returns>
    public static unsafe long? CpuUsOf(int processId)
    {
        int clock;
        Poll.timespec used;
        return processId is > 0 and <= MaxProcessId && Time.clock_getcpuclockid(processId, &clock) == 0 && Time.clock_gettime(clock, &used) == 0
            ? (used.tv_sec * 1_000_000) + (used.tv_nsec / 1000)
            : null;
    }
}

/// <summary>What the calling thread has used, and which one it is.</summary>
public static class ThreadUsage
{
    /// <summary>Of the calling thread since its start; RUSAGE_THREAD.</summary>
    public static CpuUsage Now() => CpuUsage.Read(Resource.RUSAGE_THREAD);

    /// <summary>
    /// Nanoseconds of CPU that the calling thread has used, to this instant; CLOCK_THREAD_CPUTIME_ID. <see cref="Now"/> may lag by a tick of the kernel, unless
    /// this was asked right before.
    /// </summary>
    public static unsafe long CpuNs()
    {
        Poll.timespec used;
        return Time.clock_gettime(Time.CLOCK_THREAD_CPUTIME_ID, &used) == 0
            ? (used.tv_sec * 1_000_000_000) + used.tv_nsec
            : throw new IoException("cannot read the thread's clock", Marshal.GetLastSystemError());
    }

    /// <summary>The kernel's number of the calling thread, as perf(1), strace(1) and taskset(1) take it; see gettid(2).</summary>
    public static int CurrentThreadId() => Unistd.gettid();
}
