using System.Globalization;
using Harness.Io;

namespace Harness.Measure;

/// <summary>What processes have used since their start.</summary>
/// <param name="CpuUs">Microseconds of CPU, user and system, of all threads, ended ones too, and of children that have been waited for.</param>
/// <param name="ContextSwitches">Voluntary and involuntary, of the threads that live; null where the kernel does not tell.</param>
internal readonly record struct ProcessesUsage(long CpuUs, long? ContextSwitches)
{
    /// <summary>Hundredths of a second in user mode, of the same threads.</summary>
    public long UserTicks { get; init; }

    /// <summary>Hundredths of a second in the kernel.</summary>
    public long SystemTicks { get; init; }

    /// <summary>Microseconds in which threads that live were ready to run and had no CPU; null where the kernel does not tell.</summary>
    public double? RunnableUs { get; init; }
}

/// <summary>A process of somebody else's and its children: a server may have one for each connection.</summary>
internal sealed class ProcessTree(int processId)
{
    // USER_HZ is 100 on every architecture that .NET runs on.
    private const long UsPerTick = 10_000;

    // proc(5) numbers the fields of /proc/PID/stat from 1; these are counted from the one after the name.
    private const int Parent = 1, User = 11, System = 12, ChildrenUser = 13, ChildrenSystem = 14;

    private int[] _members = [processId];

    public int Id => processId;

    /// <summary>Whether it had children when it was last looked for them, and they all live.</summary>
    public bool HasChildren => _members.Length > 1 && _members.All(member => ProcessUsage.CpuUsOf(member) is not null);

    /// <summary>Looks again who belongs to it. A child that ends later is counted with its parent, once that has waited for it.</summary>
    public ProcessTree Refreshed()
    {
        var parents = new Dictionary<int, int>();
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out var id) && Stat(id) is { } fields)
            {
                parents[id] = (int)fields[Parent];
            }
        }
        var members = new List<int> { processId };
        for (var i = 0; i < members.Count; i++)
        {
            members.AddRange(parents.Where(pair => pair.Value == members[i]).Select(pair => pair.Key));
        }
        _members = [.. members];
        return this;
    }

    /// <summary>Null where the process itself is gone.</summary>
    public ProcessesUsage? Usage()
    {
        if (ProcessUsage.CpuUsOf(processId) is null)
        {
            return null;
        }
        // The switches first: reading them takes longer, and what is read last is nearest to what is measured.
        long? switches = 0;
        double? runnableUs = 0;
        var (userTicks, systemTicks) = (0L, 0L);
        foreach (var member in _members)
        {
            switches += Switches(member);
            runnableUs += RunDelay.OfProcess(member);
            if (Stat(member) is { } fields)
            {
                userTicks += fields[User] + fields[ChildrenUser];
                systemTicks += fields[System] + fields[ChildrenSystem];
            }
        }
        return new ProcessesUsage(CpuUs(), switches) { UserTicks = userTicks, SystemTicks = systemTicks, RunnableUs = runnableUs };
    }

    /// <summary>Microseconds of CPU alone, which is cheap enough to be read while the process is measured.</summary>
    public long CpuUs()
    {
        long cpuUs = 0;
        foreach (var member in _members)
        {
            var children = Stat(member) is { } fields ? (fields[ChildrenUser] + fields[ChildrenSystem]) * UsPerTick : 0;
            cpuUs += (ProcessUsage.CpuUsOf(member) ?? 0) + children;
        }
        return cpuUs;
    }

    // "PID (name) S PPID ...": the name may hold anything.
    private static long[]? Stat(int id)
    {
        try
        {
            var text = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{id}/stat"));
            var fields = text[(text.LastIndexOf(')') + 2)..].Split(' ');
            return [.. fields.Take(ChildrenSystem + 1).Select(field => long.TryParse(field, CultureInfo.InvariantCulture, out var value) ? value : 0)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static long? Switches(int id)
    {
        try
        {
            return Directory.EnumerateDirectories(string.Create(CultureInfo.InvariantCulture, $"/proc/{id}/task"))
                .SelectMany(thread => File.ReadLines(Path.Combine(thread, "status")))
                .Where(line => line.StartsWith("voluntary_ctxt_switches:", StringComparison.Ordinal) || line.StartsWith("nonvoluntary_ctxt_switches:", StringComparison.Ordinal))
                .Sum(line => long.Parse(line.AsSpan(line.IndexOf(':') + 1).Trim(), CultureInfo.InvariantCulture));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
