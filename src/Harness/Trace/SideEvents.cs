using Harness.Results;

namespace Harness.Trace;

/// <summary>The events of one process in its measured part, summed up. What is kept is bounded, whatever the process did.</summary>
/// <param name="startNs">Where the measured part begins, on the clock of the trace.</param>
/// <param name="endNs">Where it ends.</param>
internal sealed class SideEvents(long startNs, long endNs)
{
    public const int MaxPauses = 1000;
    public const int MaxTypes = 20;

    /// <summary>Of a type's name, which may be generic in generics.</summary>
    private const int MaxTypeLength = 160;

    private readonly Dictionary<string, (long Bytes, long Ticks)> _allocations = [];
    private readonly Dictionary<string, long> _exceptions = [];
    private long? _workers;
    private long? _workersMin;
    private long? _workersMax;
    private long _adjustments;

    /// <summary>Is told of all of the trace: what begins before the measured part tells what a pause in it belongs to.</summary>
    public PauseTracker Pauses { get; } = new();

    public void Allocate(long atNs, string type, long bytes)
    {
        if (IsMeasured(atNs))
        {
            var (sum, ticks) = _allocations.GetValueOrDefault(type);
            _allocations[type] = (sum + bytes, ticks + 1);
        }
    }

    public void Throw(long atNs, string type)
    {
        if (IsMeasured(atNs))
        {
            _exceptions[type] = _exceptions.GetValueOrDefault(type) + 1;
        }
    }

    /// <summary>The pool has so many workers from now on; how many it had when the measured part began is known from before.</summary>
    public void Work(long atNs, long workers)
    {
        if (IsMeasured(atNs))
        {
            _workersMin = Math.Min(_workersMin ?? _workers ?? workers, workers);
            _workersMax = Math.Max(_workersMax ?? _workers ?? workers, workers);
        }
        if (atNs < endNs)
        {
            _workers = workers;
        }
    }

    public void Adjust(long atNs) => _adjustments += IsMeasured(atNs) ? 1 : 0;

    public GcSide Sum(long eventsLost)
    {
        var pauses = Pauses.Pauses.Where(pause => IsMeasured(pause.StartNs)).ToList();
        return new GcSide
        {
            PauseCount = pauses.Count,
            PauseTotalUs = Microseconds(pauses.Sum(pause => pause.DurationNs)),
            PauseMaxUs = pauses.Count == 0 ? null : Microseconds(pauses.Max(pause => pause.DurationNs)),
            Pauses =
            [
                .. pauses.OrderByDescending(pause => pause.DurationNs).Take(MaxPauses).OrderBy(pause => pause.StartNs).Select(Kept),
            ],
            AllocationTicks = _allocations.Values.Sum(type => type.Ticks),
            AllocationSampledBytes = _allocations.Values.Sum(type => type.Bytes),
            Allocations =
            [
                .. _allocations.OrderByDescending(type => type.Value.Bytes).ThenBy(type => type.Key, StringComparer.Ordinal).Take(MaxTypes)
                    .Select(type => new GcAllocation(Short(type.Key), type.Value.Bytes, type.Value.Ticks)),
            ],
            ThreadPool = new GcThreadPool(_workersMin ?? _workers, _workersMax ?? _workers, _adjustments),
            ExceptionCount = _exceptions.Values.Sum(),
            Exceptions =
            [
                .. _exceptions.OrderByDescending(type => type.Value).ThenBy(type => type.Key, StringComparer.Ordinal).Take(MaxTypes)
                    .Select(type => new GcException(Short(type.Key), type.Value)),
            ],
            EventsLost = eventsLost,
        };
    }

    private GcPause Kept(Pause pause) =>
        new(Math.Round((pause.StartNs - startNs) / 1e9, 6), Microseconds(pause.DurationNs), pause.Generation, pause.Reason);

    private bool IsMeasured(long atNs) => atNs >= startNs && atNs < endNs;

    private static double Microseconds(long ns) => Math.Round(ns / 1000.0, 3);

    private static string Short(string type) => type.Length <= MaxTypeLength ? type : type[..MaxTypeLength] + "…";
}
