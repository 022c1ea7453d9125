using System.Text.Json;
using Harness.Results;
using Microsoft.Diagnostics.Tracing;
using Microsoft.Diagnostics.Tracing.Parsers.Clr;

namespace Harness.Trace;

/// <summary>Reads what <see cref="TraceSession"/> wrote.</summary>
internal static class TraceReader
{
    /// <param name="path">A trace in the nettrace format.</param>
    /// <param name="startNs">Where the measured part begins, by CLOCK_MONOTONIC.</param>
    /// <param name="endNs">Where it ends.</param>
    /// <exception cref="HarnessException">It is not a whole trace.</exception>
    public static GcSide Read(string path, long startNs, long endNs)
    {
        try
        {
            using var source = new EventPipeEventSource(path);
            var events = new SideEvents(startNs, endNs);
            Subscribe(source, events);
            return source.Process()
                ? events.Sum(source.EventsLost)
                : throw new InvalidDataException("it was left before its end");
        }
        // A damaged trace is answered by whatever the library stumbles over: it has no exception of its own for that.
        catch (Exception e) when (e is not HarnessException)
        {
            throw new HarnessException(ExitCode.Failed, $"its trace cannot be read: {OneLine.Of(e.Message).TrimEnd('.')}", e);
        }
    }

    private static void Subscribe(EventPipeEventSource source, SideEvents events)
    {
        source.Clr.GCSuspendEEStart += stop => events.Pauses.Stop(Time(stop), IsForCollector(stop.Reason));
        source.Clr.GCStart += begin => events.Pauses.Collect(begin.Depth, Snake(begin.Reason), begin.Type == GCType.BackgroundGC);
        source.Clr.GCRestartEEStop += resume => events.Pauses.Resume(Time(resume));
        source.Clr.GCAllocationTick += tick => events.Allocate(Time(tick), tick.TypeName, tick.AllocationAmount64);
        source.Clr.ExceptionStart += thrown => events.Throw(Time(thrown), thrown.ExceptionType);
        source.Clr.ThreadPoolWorkerThreadStart += workers => events.Work(Time(workers), workers.ActiveWorkerThreadCount);
        source.Clr.ThreadPoolWorkerThreadStop += workers => events.Work(Time(workers), workers.ActiveWorkerThreadCount);
        source.Clr.ThreadPoolWorkerThreadAdjustmentAdjustment += adjusted => events.Adjust(Time(adjusted));
    }

    // The runtime stamps its events by CLOCK_MONOTONIC, which on Linux counts nanoseconds, and the load generator says by the same clock when it began to
    // measure. The library would rather give milliseconds since the session began, which would have to be tied to the load by the wall clock.
#pragma warning disable CS0618 // "Not Obsolete but Discouraged."
    private static long Time(TraceEvent traced) => traced.TimeStampQPC;
#pragma warning restore CS0618

    private static bool IsForCollector(GCSuspendEEReason reason) => reason is GCSuspendEEReason.SuspendForGC or GCSuspendEEReason.SuspendForGCPrep;

    private static string Snake(GCReason reason) => JsonNamingPolicy.SnakeCaseLower.ConvertName(reason.ToString());
}
