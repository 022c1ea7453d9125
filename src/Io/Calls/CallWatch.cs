using System.Collections.Concurrent;
using System.Diagnostics;

namespace Harness.Io;

/// <summary>
/// Proves that calls do not block, or shows the one that does. Whoever offers calls that must not block brackets each with <see cref="Enter"/>; for a caller
/// that gave it a watch, each is measured: how long it took, how much of that in user mode, in the kernel and off the CPU, and whether the thread slept,
/// which the kernel says itself (a voluntary context switch, getrusage(2) with RUSAGE_THREAD). Calls that slept or took longer than a bound are kept with
/// their stacks. Any thread may use it.
/// </summary>
/// <remarks>
/// Without a watch a bracket is a test for null. With one it is four system calls and a look at a clock, a microsecond or two. A garbage collection puts every
/// thread to sleep, which is no fault of the call that it meets: such sleeps are counted (<see cref="CallFigures.Paused"/>) and not reported. A page that has
/// to be read in, and a lock of the runtime that another thread holds, look like any other sleep: a test judges by what comes again.
/// </remarks>
public sealed class CallWatch
{
    /// <summary>Reports that are kept; later ones are only counted.</summary>
    public const int MaxReports = 256;

    // What was asked for by name, beside the bracket that is open on a thread: a call within a call is not told twice.
    [ThreadStatic]
    private static CallBracket? t_innermost;

    [ThreadStatic]
    private static Stack<CallBracket>? t_spare;

    private readonly ConcurrentDictionary<string, CallFigures> _figures = new();
    private readonly ConcurrentQueue<CallReport> _reports = new();
    private readonly long _boundNs;
    private readonly Action<CallReport>? _onReport;
    private long _reported;

    /// <param name="boundNs">Nanoseconds from which on a call is reported even if it did not sleep; 0 is no bound. On a machine with other work to do a call
    /// may take any time.</param>
    /// <param name="onReport">Called at once with each report, on the thread of the call; must not throw. Null to look at <see cref="Reports"/>
    /// afterwards.</param>
    public CallWatch(long boundNs = 0, Action<CallReport>? onReport = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(boundNs);
        _boundNs = boundNs;
        _onReport = onReport;
    }

    /// <summary>The first reports, the oldest first.</summary>
    public IReadOnlyCollection<CallReport> Reports => _reports;

    /// <summary>How many calls were reported, those that are not kept among them.</summary>
    public long Reported => Volatile.Read(ref _reported);

    /// <summary>What every kind of call has taken so far, by its name.</summary>
    public IReadOnlyDictionary<string, CallFigures> Figures => _figures;

    /// <summary>Opens a bracket; disposing of what it returns, on the same thread, closes it.</summary>
    /// <param name="watch">Null measures nothing.</param>
    /// <param name="name">The call, for example <c>NbdHandle.NotifyRead</c>; few of them, since there are figures for each.</param>
    /// <param name="maySleep">The call says that it waits; it is measured, and its sleeping is not reported.</param>
    public static CallScope Enter(CallWatch? watch, string name, bool maySleep = false) => watch is null ? default : new CallScope(watch.Open(name, maySleep));

    internal void Close(CallBracket bracket)
    {
        long cpuNs = ThreadUsage.CpuNs() - bracket.CpuNs;
        CpuUsage used = ThreadUsage.Now() - bracket.Before;
        long wallNs = MonotonicClock.NowNs - bracket.StartNs;
        bool paused = GC.CollectionCount(0) != bracket.Collections || GC.GetTotalPauseDuration() != bracket.Pauses;
        t_innermost = bracket.Outer;

        // What a call within this one slept is told of that one.
        long slept = used.VoluntarySwitches - bracket.SwitchesWithin;
        bool isFault = slept > 0 && !paused && !bracket.MaySleep;
        bool isLong = _boundNs > 0 && wallNs > _boundNs && !bracket.MaySleep;
        var report = new CallReport(
            bracket.Name, wallNs, used.UserUs, used.SystemUs, Math.Max(0, (wallNs - cpuNs) / 1000), slept, used.InvoluntarySwitches, isFault, string.Empty);
        _figures.GetOrAdd(bracket.Name, static _ => new CallFigures()).Add(report, paused);
        if (isFault || isLong)
        {
            Keep(report with { Stack = new StackTrace(1, fNeedFileInfo: true).ToString() });
        }

        // Last, so that what the telling itself slept is not the outer call's.
        if (bracket.Outer is { } outer)
        {
            outer.SwitchesWithin += ThreadUsage.Now().VoluntarySwitches - bracket.Before.VoluntarySwitches;
        }

        (t_spare ??= new Stack<CallBracket>()).Push(bracket);
    }

    private CallBracket Open(string name, bool maySleep)
    {
        CallBracket bracket = t_spare is { Count: > 0 } spare ? spare.Pop() : new CallBracket();
        bracket.Watch = this;
        bracket.Name = name;
        bracket.MaySleep = maySleep;
        bracket.Outer = t_innermost;
        bracket.SwitchesWithin = 0;
        t_innermost = bracket;
        bracket.Collections = GC.CollectionCount(0);
        bracket.Pauses = GC.GetTotalPauseDuration();
        bracket.StartNs = MonotonicClock.NowNs;
        bracket.CpuNs = ThreadUsage.CpuNs();
        bracket.Before = ThreadUsage.Now();
        return bracket;
    }

    private void Keep(CallReport report)
    {
        if (Interlocked.Increment(ref _reported) <= MaxReports)
        {
            _reports.Enqueue(report);
        }

        _onReport?.Invoke(report);
    }
}

/// <summary>An open bracket of a <see cref="CallWatch"/>; disposing of it closes it. Belongs to the thread that opened it.</summary>
public readonly ref struct CallScope
{
    private readonly CallBracket? _bracket;

    internal CallScope(CallBracket bracket)
    {
        _bracket = bracket;
    }

    /// <summary>The call is over.</summary>
    public void Dispose() => _bracket?.Watch.Close(_bracket);
}

/// <summary>What was so when a bracket was opened.</summary>
internal sealed class CallBracket
{
    public CallWatch Watch = null!;
    public CallBracket? Outer;
    public string Name = string.Empty;
    public bool MaySleep;
    public long SwitchesWithin;
    public int Collections;
    public TimeSpan Pauses;
    public long StartNs;
    public long CpuNs;
    public CpuUsage Before;
}
