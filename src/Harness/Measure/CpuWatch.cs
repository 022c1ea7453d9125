using System.Diagnostics;
using System.Globalization;
using Harness.Io;

namespace Harness.Measure;

/// <summary>What took CPU time from a measurement, as shares of the measured CPUs' time. A share that could not be had is null.</summary>
/// <param name="StealPercent">Taken by the hypervisor for other guests.</param>
/// <param name="OtherPercent">Used by processes that belong neither to the runner nor to the cell; interrupts, which serve the cell too, are left out.</param>
internal sealed record Disturbance(double? StealPercent, double? OtherPercent);

/// <summary>
/// Watches the CPUs of a cell from the start of its processes until both have been waited for: <c>/proc/stat</c> (proc(5)) against what the kernel charged
/// to our own processes (getrusage(2)). The kernel counts there in hundredths of a second, so a share below one in a hundred of a second's cell is noise.
/// </summary>
internal sealed class CpuWatch
{
    // USER_HZ, in which /proc/stat counts, is 100 on every architecture that .NET runs on, whatever the kernel's own HZ.
    private const double TicksPerSecond = 100;

    private readonly IReadOnlyList<int> _cpus;
    private readonly string _root;
    private readonly long _started = Stopwatch.GetTimestamp();
    private readonly (double Busy, double Stolen)? _start;
    private readonly long _ownUs;

    /// <param name="cpus">The CPUs that are measured.</param>
    /// <param name="root">Where <c>/proc</c> lies; tests give a folder of their own.</param>
    public CpuWatch(IReadOnlyList<int> cpus, string root = "/")
    {
        (_cpus, _root) = (cpus, root);
        _ownUs = OwnUs();
        _start = Read();
    }

    /// <summary>What happened since the beginning.</summary>
    /// <param name="strayCpuUs">CPU time of the cell's processes that are no children of ours.</param>
    public Disturbance Stop(long strayCpuUs = 0) => Since(Stopwatch.GetElapsedTime(_started).TotalSeconds, (OwnUs() + strayCpuUs - _ownUs) / 1e6);

    /// <param name="seconds">The time that passed.</param>
    /// <param name="ownSeconds">CPU time of our own processes in it.</param>
    internal Disturbance Since(double seconds, double ownSeconds)
    {
        if (_start is not { } start || Read() is not { } end || seconds <= 0)
        {
            return new Disturbance(null, null);
        }
        var percent = 100 / (seconds * _cpus.Count);
        var other = ((end.Busy - start.Busy) / TicksPerSecond) - ownSeconds;
        return new Disturbance(Rounded((end.Stolen - start.Stolen) / TicksPerSecond * percent), Rounded(Math.Max(0, other) * percent));
    }

    private static double Rounded(double percent) => Math.Round(percent, 2);

    private static long OwnUs() => ProcessUsage.Now().CpuUs + ProcessUsage.OfChildren().CpuUs;

    // "cpu3 user nice system idle iowait irq softirq steal guest guest_nice"; guest time is part of user already.
    private (double Busy, double Stolen)? Read()
    {
        try
        {
            var lines = File.ReadAllLines(Path.Combine(_root, "proc/stat"))
                .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
                .Where(fields => fields.Length > 8 && _cpus.Any(cpu => fields[0] == string.Create(CultureInfo.InvariantCulture, $"cpu{cpu}")))
                .Select(fields => fields.Skip(1).Select(field => double.Parse(field, CultureInfo.InvariantCulture)).ToArray())
                .ToArray();
            return _cpus.Count == 0 || lines.Length != _cpus.Count ? null : (lines.Sum(cpu => cpu[0] + cpu[1] + cpu[2]), lines.Sum(cpu => cpu[7]));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException)
        {
            return null;
        }
    }
}
