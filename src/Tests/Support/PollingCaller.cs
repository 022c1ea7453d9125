using Harness.Io;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>A program with a poll(2) loop of its own, as libnbd's examples have it, that drives one handle or several.</summary>
internal sealed class PollingCaller(params NbdHandle[] handles)
{
    private const int PatienceMs = 20_000;

    /// <summary>Times that it went to sleep.</summary>
    public int Polls { get; private set; }

    public void Until(Func<bool> condition, string what)
    {
        while (!condition())
        {
            Assert.True(Step(), $"waited in vain until {what}: {string.Join("; ", handles.Select(handle => handle.Describe()))}");
        }
    }

    /// <summary>One wait, and the calls that it asks for. False where nothing came for a long time.</summary>
    public bool Step()
    {
        var entries = new PollEntry[2 * handles.Length];
        int timeoutMs = PatienceMs;
        for (int i = 0; i < handles.Length; i++)
        {
            entries[2 * i] = new PollEntry(handles[i].Fd, handles[i].Direction);
            entries[(2 * i) + 1] = new PollEntry(handles[i].WakeFd, FdFlags.Read);
            timeoutMs = handles[i].TimeoutMs is >= 0 and int dueMs ? Math.Min(timeoutMs, dueMs) : timeoutMs;
        }

        Polls++;
        int found = DescriptorPoll.Wait(entries, timeoutMs);
        for (int i = 0; i < handles.Length; i++)
        {
            if ((entries[2 * i].Ready & FdFlags.Read) != 0)
            {
                handles[i].NotifyRead();
            }

            if ((entries[2 * i].Ready & FdFlags.Write) != 0)
            {
                handles[i].NotifyWrite();
            }

            if (entries[(2 * i) + 1].Ready != FdFlags.None || found == 0)
            {
                handles[i].NotifyWake();
            }
        }

        return found > 0 || timeoutMs < PatienceMs;
    }
}

/// <summary>A handle that a test connects, and what it was told.</summary>
internal sealed class TestedHandle : INbdHandleHandler, IDisposable
{
    private readonly List<SocketEndpoint> _endpoints = [];

    public TestedHandle(CallWatch? watch = null, NbdClientOptions? options = null, Func<ITransport, ITransport>? wrap = null)
    {
        Handle = new NbdHandle(options ?? new NbdClientOptions { MaxInFlight = 256, MaxBatchRequests = 64 }, this, watch, wrap);
    }

    public NbdHandle Handle { get; }

    public bool IsReady { get; private set; }

    public int Closed { get; private set; }

    public int Error { get; private set; } = -1;

    public string Reason { get; private set; } = string.Empty;

    public Action? WhenReady { get; set; }

    public void Connect(string uri)
    {
        Assert.True(NbdUri.TryParse(uri, out NbdUri? parsed, out string error), error);
        _endpoints.AddRange(EndpointResolver.Resolve(parsed));
        Handle.Connect(_endpoints);
    }

    public void OnReady(NbdHandle handle)
    {
        IsReady = true;
        WhenReady?.Invoke();
    }

    public void OnClosed(NbdHandle handle, int error, string reason)
    {
        Closed++;
        (Error, Reason) = (error, reason);
    }

    public void Dispose()
    {
        Handle.Dispose();
        Assert.True(Closed == (_endpoints.Count > 0 ? 1 : Closed), $"the end was told {Closed} times");
        _endpoints.ForEach(endpoint => endpoint.Dispose());
    }
}
