using Harness.Results;

namespace Harness.Trace;

/// <summary>
/// From the runtime's events to pauses. A pause is from where the runtime begins to stop the threads for the collector to where all have been told to go on;
/// a concurrent collection of generation 2 has several. Threads are stopped for other reasons as well, and those are no pauses of the collector.
/// </summary>
internal sealed class PauseTracker
{
    private readonly List<Pause> _pauses = [];
    private long? _stoppedNs;
    private (int Generation, string Reason)? _begunInPause;
    private (int Generation, string Reason)? _concurrent;

    /// <summary>In the order of time.</summary>
    public IReadOnlyList<Pause> Pauses => _pauses;

    /// <summary>The runtime begins to stop the threads.</summary>
    /// <param name="atNs">When.</param>
    /// <param name="forCollector">Whether the collector asked for it.</param>
    public void Stop(long atNs, bool forCollector)
    {
        _stoppedNs = forCollector ? atNs : null;
        _begunInPause = null;
    }

    /// <summary>A collection begins.</summary>
    /// <param name="generation">The oldest that it collects.</param>
    /// <param name="reason">Why.</param>
    /// <param name="concurrent">Whether it goes on after the threads do.</param>
    public void Collect(int generation, string reason, bool concurrent)
    {
        // One of generation 1 may come before a concurrent one in the same pause: the older generation is the cause.
        _begunInPause = _begunInPause is { } first && first.Generation >= generation ? first : (generation, reason);
        _concurrent = concurrent ? (generation, reason) : _concurrent;
    }

    /// <summary>All threads go on.</summary>
    public void Resume(long atNs)
    {
        if (_stoppedNs is { } stoppedNs && atNs >= stoppedNs)
        {
            // A later pause of a concurrent collection begins no collection of its own.
            var collection = _begunInPause ?? _concurrent;
            _pauses.Add(new Pause(stoppedNs, atNs - stoppedNs, collection?.Generation, collection?.Reason));
        }
        _stoppedNs = null;
    }
}

/// <summary>A pause on the clock of the trace.</summary>
internal readonly record struct Pause(long StartNs, long DurationNs, int? Generation, string? Reason);
