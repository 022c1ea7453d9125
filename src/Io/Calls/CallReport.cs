namespace Harness.Io;

/// <summary>One call that slept, or took longer than the bound of its <see cref="CallWatch"/>.</summary>
/// <param name="Name">The call.</param>
/// <param name="WallNs">Nanoseconds from its beginning to its end.</param>
/// <param name="UserUs">Microseconds of CPU in user mode. How the sum is divided between user mode and kernel is the kernel's estimate, by ticks.</param>
/// <param name="SystemUs">Microseconds of CPU in the kernel.</param>
/// <param name="OffCpuUs">Microseconds in which the thread did not run: asleep, or waiting for a CPU.</param>
/// <param name="Sleeps">How often the thread gave up the CPU to wait for something; not within calls that have a bracket of their own.</param>
/// <param name="Preemptions">How often the CPU was taken from it.</param>
/// <param name="Slept">True where it slept, and should not have.</param>
/// <param name="Stack">Who called it, and through what.</param>
public sealed record CallReport(
    string Name, long WallNs, long UserUs, long SystemUs, long OffCpuUs, long Sleeps, long Preemptions, bool Slept, string Stack)
{
    /// <summary>For people: one line, then the stack.</summary>
    public override string ToString()
    {
        string what = Slept ? $"slept {Sleeps} time{(Sleeps == 1 ? string.Empty : "s")}" : "took long";
        return $"{Name} {what}: {WallNs / 1e3:0} us, of which user {UserUs}, system {SystemUs}, off the CPU {OffCpuUs}; preempted {Preemptions} times\n{Stack}";
    }
}

/// <summary>What all calls of one name have taken. Any thread may read it; while calls go on, the figures may be of different instants.</summary>
public sealed class CallFigures
{
    private long _count;
    private long _wallNs;
    private long _longestNs;
    private long _userUs;
    private long _systemUs;
    private long _offCpuUs;
    private long _slept;
    private long _paused;

    /// <summary>How many there were.</summary>
    public long Count => Volatile.Read(ref _count);

    /// <summary>Nanoseconds of all of them.</summary>
    public long WallNs => Volatile.Read(ref _wallNs);

    /// <summary>Nanoseconds of the longest.</summary>
    public long LongestNs => Volatile.Read(ref _longestNs);

    /// <summary>Microseconds of CPU in user mode.</summary>
    public long UserUs => Volatile.Read(ref _userUs);

    /// <summary>Microseconds of CPU in the kernel.</summary>
    public long SystemUs => Volatile.Read(ref _systemUs);

    /// <summary>Microseconds off the CPU.</summary>
    public long OffCpuUs => Volatile.Read(ref _offCpuUs);

    /// <summary>Calls that slept, by themselves.</summary>
    public long Slept => Volatile.Read(ref _slept);

    /// <summary>Calls that a garbage collection fell into.</summary>
    public long Paused => Volatile.Read(ref _paused);

    internal void Add(CallReport call, bool paused)
    {
        Interlocked.Increment(ref _count);
        Interlocked.Add(ref _wallNs, call.WallNs);
        Interlocked.Add(ref _userUs, call.UserUs);
        Interlocked.Add(ref _systemUs, call.SystemUs);
        Interlocked.Add(ref _offCpuUs, call.OffCpuUs);
        Interlocked.Add(ref _slept, call.Sleeps > 0 ? 1 : 0);
        Interlocked.Add(ref _paused, paused ? 1 : 0);
        long longestNs;
        while ((longestNs = Volatile.Read(ref _longestNs)) < call.WallNs && Interlocked.CompareExchange(ref _longestNs, call.WallNs, longestNs) != longestNs)
        {
        }
    }
}
