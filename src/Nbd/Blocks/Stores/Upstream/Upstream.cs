using Harness.Io;
using Harness.Io.Native;

namespace Harness.Nbd;

/// <summary>
/// What an <see cref="NbdStore"/> keeps for one loop: its connections, the requests that wait for one, and what requests are served with. All members are for
/// the loop's thread.
/// </summary>
internal sealed class Upstream : ITimerHandler, IDisposable
{
    // At the end: how long a server may take to let us go.
    private const long LeaveNs = 1_000_000_000;

    private readonly UpstreamLink[] _links;
    private readonly Stack<UpstreamJob> _jobs = new();
    private readonly LoopTimer _timer;
    private UpstreamJob? _head;
    private UpstreamJob? _tail;
    private int _next;
    private bool _isEnding;

    public Upstream(NbdStore store, BlockLoop home)
    {
        Store = store;
        Home = home;
        _links = [.. Enumerable.Range(0, store.Connections).Select(_ => new UpstreamLink(this))];
        _timer = new LoopTimer(this);
        home.AtEnd(this);
    }

    public NbdStore Store { get; }

    public BlockLoop Home { get; }

    /// <summary>True where a request waits for a connection.</summary>
    public bool IsAwaited => _head is not null && !_isEnding;

    public UpstreamJob Rent() => _jobs.TryPop(out UpstreamJob? job) ? job : new UpstreamJob(this);

    public void Return(UpstreamJob job) => _jobs.Push(job);

    /// <summary>Sends a request by the next connection in turn, or lets it wait for one.</summary>
    public void Take(UpstreamJob job)
    {
        UpstreamLink? found = null;
        for (int i = 0; i < _links.Length; i++)
        {
            UpstreamLink link = _links[_next];
            _next = (_next + 1) % _links.Length;
            if (link.IsReady)
            {
                found = link;
                break;
            }

            link.Want();
        }

        if (found is not null)
        {
            job.Submit(found);
        }
        else
        {
            Wait(job);
        }
    }

    /// <summary>A connection is there: what waits goes.</summary>
    public void Connected(UpstreamLink link)
    {
        while (link.IsReady && _head is not null)
        {
            Pop().Submit(link);
        }

        if (_head is null)
        {
            Home.Loop.StopTimer(_timer);
        }
    }

    /// <inheritdoc/>
    public void OnTimer(LoopTimer timer)
    {
        long nowNs = Home.Loop.NowNs;
        while (_head is not null && _head.DueNs <= nowNs)
        {
            Pop().End(Errno.ETIMEDOUT);
        }

        if (_head is not null)
        {
            Home.Loop.StartTimer(_timer, _head.DueNs);
        }
    }

    /// <summary>Leaves the server. It runs the loop until that is done; nothing may be in flight.</summary>
    public void Dispose()
    {
        _isEnding = true;
        Store.Left(this);
        Home.Loop.StopTimer(_timer);
        var deadline = new LoopTimer(new LastChance(this));
        Home.Loop.StartTimerAfter(deadline, LeaveNs);
        foreach (UpstreamLink link in _links)
        {
            link.Leave();
        }

        while (Array.Exists(_links, link => link.IsOpen))
        {
            Home.Loop.RunOnce();
        }

        Home.Loop.StopTimer(deadline);
    }

    private void Wait(UpstreamJob job)
    {
        job.DueNs = Home.Loop.NowNs + Store.TimeoutNs;
        if (_tail is null)
        {
            _head = job;
            Home.Loop.StartTimer(_timer, job.DueNs);
        }
        else
        {
            _tail.NextWaiting = job;
        }

        _tail = job;
    }

    private UpstreamJob Pop()
    {
        UpstreamJob job = _head!;
        _head = job.NextWaiting;
        _tail = _head is null ? null : _tail;
        job.NextWaiting = null;
        return job;
    }

    /// <summary>A server that does not hang up when it is asked to.</summary>
    private sealed class LastChance(Upstream upstream) : ITimerHandler
    {
        public void OnTimer(LoopTimer timer)
        {
            foreach (UpstreamLink link in upstream._links)
            {
                link.Cut();
            }
        }
    }
}
