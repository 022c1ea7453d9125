using System.Text.Json;
using Harness.Load;
using Harness.Measure;
using Harness.Results;

namespace Harness.Run;

/// <summary>When a server's costs are read while somebody else's client drives it.</summary>
/// <param name="First">How long after the client's start.</param>
/// <param name="Interval">How long after each other.</param>
internal sealed record SamplingPlan(TimeSpan First, TimeSpan Interval);

/// <summary>
/// A server's costs, read over and over while a client measures that does not say when its measured part begins. Afterwards, when that is known, the first
/// and the last reading inside it give the costs of the time between them, which is a part of the measured one and under the same load.
/// </summary>
internal abstract class ServerSamples : IDisposable
{
    private readonly ManualResetEventSlim _stop = new();
    private readonly Thread _thread;

    protected ServerSamples(SamplingPlan plan) => _thread = new Thread(() => Run(plan)) { Name = "server samples", IsBackground = true };

    /// <summary>Of our own server, by its control socket: exact, because it counts its requests too.</summary>
    public static ServerSamples OfCounters(string control, SamplingPlan plan) => Started(new Counters(control, plan));

    /// <summary>Of any process: its CPU time by the client's operations per second.</summary>
    /// <param name="processes">The server's.</param>
    /// <param name="forks">Whether it has a process for each connection.</param>
    /// <param name="plan">When.</param>
    public static ServerSamples OfProcesses(ProcessTree processes, bool forks, SamplingPlan plan) => Started(new Processes(processes, forks, plan));

    /// <summary>The costs per operation; null where fewer than two readings lie inside.</summary>
    /// <param name="from">When the measured part had surely begun.</param>
    /// <param name="to">When it had surely not ended.</param>
    /// <param name="iops">Operations per second, as the client counted them.</param>
    public abstract ServerFigures? Within(DateTimeOffset from, DateTimeOffset to, double iops);

    public void Dispose()
    {
        _stop.Set();
        _thread.Join();
        _stop.Dispose();
        Close();
    }

    protected abstract void Take();

    protected virtual void Close()
    {
    }

    private static ServerSamples Started(ServerSamples samples)
    {
        samples._thread.Start();
        return samples;
    }

    private void Run(SamplingPlan plan)
    {
        try
        {
            for (var pause = plan.First; !_stop.Wait(pause); pause = plan.Interval)
            {
                Take();
            }
        }
        catch (HarnessException)
        {
            // The server is gone. That is for those to report who wait for its end; what was read so far stays.
        }
    }

    /// <summary>What was read, and when; the two that span the longest part of a time.</summary>
    private sealed class Series<T>
        where T : struct
    {
        private readonly List<(DateTimeOffset At, T Value)> _readings = [];

        public void Add(T value)
        {
            lock (_readings)
            {
                _readings.Add((DateTimeOffset.UtcNow, value));
            }
        }

        public (T First, T Last, double Seconds)? Within(DateTimeOffset from, DateTimeOffset to)
        {
            lock (_readings)
            {
                var inside = _readings.Where(reading => reading.At >= from && reading.At <= to).ToArray();
                return inside.Length < 2 ? null : (inside[0].Value, inside[^1].Value, (inside[^1].At - inside[0].At).TotalSeconds);
            }
        }
    }

    private sealed class Counters(string control, SamplingPlan plan) : ServerSamples(plan)
    {
        private readonly Series<JsonElement> _series = new();
        private ServerCosts? _server;

        public override ServerFigures? Within(DateTimeOffset from, DateTimeOffset to, double iops)
        {
            if (_series.Within(from, to) is not { } span)
            {
                return null;
            }
            var requests = ServerCosts.Number(span.Last, "requests") - ServerCosts.Number(span.First, "requests");
            return requests is { } count ? ServerCosts.Between(span.First, span.Last, (long)count) : null;
        }

        protected override void Take() => _series.Add((_server ??= new ServerCosts(control)).ReadAll());

        protected override void Close() => _server?.Dispose();
    }

    private sealed class Processes(ProcessTree processes, bool forks, SamplingPlan plan) : ServerSamples(plan)
    {
        private readonly Series<long> _series = new();

        public override ServerFigures? Within(DateTimeOffset from, DateTimeOffset to, double iops) =>
            _series.Within(from, to) is { } span && iops > 0
                ? new ServerFigures(new SideCosts { CpuUsPerOp = (span.Last - span.First) / (span.Seconds * iops) }, null)
                : null;

        protected override void Take()
        {
            // Looking for the processes of connections is dear, so it is done until they are there, which is long before the measured part.
            if (forks && !processes.HasChildren)
            {
                processes.Refreshed();
            }
            _series.Add(processes.CpuUs());
        }
    }
}
