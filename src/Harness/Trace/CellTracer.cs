using Harness.Matrix;
using Harness.Results;

namespace Harness.Trace;

/// <summary>Traces the two processes of one cell. Tests put a scripted one in its place.</summary>
internal interface ICellTracer : IDisposable
{
    const string Server = "server";
    const string Client = "client";

    /// <summary>Begins to trace a process that was started a moment ago; does nothing where it has ended by itself.</summary>
    /// <param name="side"><see cref="Server"/> or <see cref="Client"/>.</param>
    /// <param name="processId">The process.</param>
    /// <param name="hasEnded">Whether it is gone.</param>
    /// <param name="path">Where the trace goes.</param>
    /// <param name="cancel">Gives up.</param>
    /// <exception cref="HarnessException">It cannot be traced.</exception>
    Task AttachAsync(string side, int processId, Func<bool> hasEnded, string path, CancellationToken cancel);

    /// <summary>What both did in the measured part, once they have ended.</summary>
    /// <param name="startNs">Where the measured part begins, by CLOCK_MONOTONIC.</param>
    /// <param name="endNs">Where it ends.</param>
    /// <param name="cancel">Gives up.</param>
    /// <exception cref="HarnessException">A trace is not whole.</exception>
    Task<IReadOnlyDictionary<string, GcSide>> ReadAsync(long startNs, long endNs, CancellationToken cancel);
}

/// <inheritdoc/>
internal sealed class CellTracer : ICellTracer
{
    private readonly Dictionary<string, TraceSession> _sessions = [];

    /// <summary>How long a process may take until its runtime can be asked.</summary>
    public TimeSpan Deadline { get; init; } = TimeSpan.FromSeconds(10);

    public Task AttachAsync(string side, int processId, Func<bool> hasEnded, string path, CancellationToken cancel) => NamedAsync(side, async () =>
    {
        if (await TraceSession.OpenAsync(processId, hasEnded, path, Deadline, cancel) is { } session)
        {
            _sessions.Add(side, session);
        }
        return true;
    });

    public async Task<IReadOnlyDictionary<string, GcSide>> ReadAsync(long startNs, long endNs, CancellationToken cancel)
    {
        var sides = new Dictionary<string, GcSide>();
        foreach (var (side, session) in _sessions)
        {
            sides[side] = await NamedAsync(side, async () =>
            {
                await session.FinishAsync(cancel);
                if (session.OpenedNs > startNs)
                {
                    var late = TimeSpan.FromMilliseconds(Math.Ceiling((session.OpenedNs - startNs) / 1e6));
                    throw new HarnessException(ExitCode.Failed, $"was traced only from {Units.FormatTime(late)} into the measured part; give the matrix a longer warmup");
                }
                return TraceReader.Read(session.Path, startNs, endNs);
            });
        }
        return sides;
    }

    public void Dispose()
    {
        foreach (var session in _sessions.Values)
        {
            session.Dispose();
        }
    }

    private static async Task<T> NamedAsync<T>(string side, Func<Task<T>> act)
    {
        try
        {
            return await act();
        }
        catch (HarnessException e)
        {
            throw new HarnessException(e.ExitCode, $"the {side}: {e.Message}", e);
        }
    }
}
