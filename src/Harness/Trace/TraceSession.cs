using System.Diagnostics.Tracing;
using Harness.Io;
using Harness.Matrix;
using Microsoft.Diagnostics.NETCore.Client;

namespace Harness.Trace;

/// <summary>
/// One .NET process, traced over its diagnostics socket (EventPipe). The events go to a file as they come and are looked at when the process is gone, so that
/// reading them takes no time from it.
/// </summary>
internal sealed class TraceSession : IDisposable
{
    private const string Runtime = "Microsoft-Windows-DotNETRuntime";

    // Collections and samples of allocation; exceptions; the thread pool's workers ("CLR ETW keywords and levels").
    private const long Keywords = 0x1 | 0x8000 | 0x10000;

    // What a process may be ahead of us: at 100 bytes an event, more than a hundred thousand of them.
    private const int BufferMegabytes = 16;

    private static readonly TimeSpan s_retry = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(20);

    private readonly EventPipeSession _session;
    private readonly FileStream _file;
    private readonly Task _written;

    private TraceSession(EventPipeSession session, string path)
    {
        OpenedNs = MonotonicClock.NowNs;
        _session = session;
        Path = path;
        _file = File.Create(path);
        _written = session.EventStream.CopyToAsync(_file);
    }

    /// <summary>From when on nothing is missed, by CLOCK_MONOTONIC.</summary>
    public long OpenedNs { get; }

    /// <summary>Where the trace is.</summary>
    public string Path { get; }

    /// <summary>Begins to trace a process, which may have been started a moment ago: its runtime makes the socket when it is up.</summary>
    /// <param name="processId">Which.</param>
    /// <param name="hasEnded">Whether it is gone; then there is nothing to trace, and no error.</param>
    /// <param name="path">Where the trace goes.</param>
    /// <param name="deadline">How long its runtime may take.</param>
    /// <param name="cancel">Gives up.</param>
    /// <returns>Null where the process ended.</returns>
    /// <exception cref="HarnessException">It cannot be traced.</exception>
    public static async Task<TraceSession?> OpenAsync(int processId, Func<bool> hasEnded, string path, TimeSpan deadline, CancellationToken cancel)
    {
        using var late = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        late.CancelAfter(deadline);
        var client = new DiagnosticsClient(processId);
        var provider = new EventPipeProvider(Runtime, EventLevel.Verbose, Keywords);
        var configuration = new EventPipeSessionConfiguration([provider], BufferMegabytes, requestRundown: false, requestStackwalk: false);
        while (!hasEnded())
        {
            try
            {
                return new TraceSession(await client.StartEventPipeSessionAsync(configuration, late.Token), path);
            }
            catch (ServerNotAvailableException) when (!late.IsCancellationRequested)
            {
                await Task.Delay(s_retry, cancel);
            }
            catch (Exception e) when (!cancel.IsCancellationRequested && !hasEnded())
            {
                var why = late.IsCancellationRequested ? $"its runtime offered no diagnostics within {Units.FormatTime(deadline)}" : OneLine.Of(e.Message).TrimEnd('.');
                throw new HarnessException(ExitCode.Failed, $"cannot be traced: {why}", e);
            }
            catch (Exception) when (!cancel.IsCancellationRequested)
            {
                // It ended while it was asked.
            }
        }
        return null;
    }

    /// <summary>Ends the trace of a process that goes on.</summary>
    public Task StopAsync(CancellationToken cancel) => _session.StopAsync(cancel);

    /// <summary>Waits until the last event is in the file: the runtime sends what it has left when it is stopped or the process ends.</summary>
    /// <exception cref="HarnessException">The file cannot be written, or the end does not come.</exception>
    public async Task FinishAsync(CancellationToken cancel)
    {
        try
        {
            await _written.WaitAsync(s_patience, cancel);
            await _file.DisposeAsync();
        }
        catch (Exception e) when (FileTrouble.Is(e) || e is TimeoutException)
        {
            throw new HarnessException(ExitCode.Failed, $"its trace did not end: {OneLine.Of(e.Message).TrimEnd('.')}", e);
        }
    }

    public void Dispose()
    {
        _session.Dispose();
        // What is still being copied ends in an error that nobody needs to hear of.
        _ = _written.ContinueWith(static (copy, file) =>
        {
            _ = copy.Exception;
            ((FileStream)file!).Dispose();
        }, _file, TaskScheduler.Default);
    }
}
