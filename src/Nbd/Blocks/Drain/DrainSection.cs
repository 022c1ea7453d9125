using Harness.Io;

namespace Harness.Nbd;

/// <summary>
/// A time in which nothing is in flight behind some edges, from its begin on: requests that come wait at the edges, those behind are waited for, and the rest
/// of the graph goes on. Sections nest and overlap; an edge is open when the last one that holds it has ended.
/// </summary>
/// <remarks>
/// The begin is posted to each loop, which closes its gates and gives a ticket to each request that is behind them; from then on the section costs its requests
/// nothing but the end of their tickets. What a filter makes of a request behind the edges goes on, for it is part of that request; a request that a filter
/// lets wait by a timer goes on when it is due, and at the latest there it meets a closed edge, where this section is further down.
/// </remarks>
public sealed class DrainSection : ITimerHandler
{
    private readonly BlockDrains _drains;
    private readonly DrainOptions _options;

    // Both for whoever holds the lock of the drains: others may come to be held meanwhile.
    private readonly List<BlockEdge> _edges;
    private readonly List<DrainPart> _parts;
    private readonly EventLoop _timerLoop;
    private readonly LoopTimer _deadline;
    private readonly TaskCompletionSource<DrainOutcome> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _partsLeft;

    // Why it has given up before its deadline, in a line.
    private string? _heldBehind;
    private volatile State _state;

    internal DrainSection(BlockDrains drains, string what, BlockNode? node, IEnumerable<BlockEdge> edges, DrainOptions options)
    {
        _drains = drains;
        _options = options;
        _edges = [.. edges];
        _deadline = new LoopTimer(this);
        _parts = [.. drains.Loops.Select(loop => new DrainPart(this, loop))];
        _partsLeft = _parts.Count;
        _timerLoop = _parts[0].Home.Loop;
        What = what;
        Node = node;
        BeganNs = drains.NowNs;
    }

    /// <summary>What <see cref="What"/> says where every export is held.</summary>
    internal const string All = "all";

    internal bool IsOfAll => Node is null && What == All;

    private BlockLoop[] Loops => [.. _parts.Select(part => part.Home)];

    private enum State
    {
        Beginning,
        Quiet,
        TimedOut,
        Ended,
    }

    /// <summary>What is held: a node's ID, an export's name, or all.</summary>
    public string What { get; }

    /// <summary>The node that is held; where it has been replaced meanwhile, the one in its place. Null where it is exports.</summary>
    public BlockNode? Node { get; internal set; }

    /// <summary>Who asked.</summary>
    public string Reason => _options.Reason;

    internal bool GivesUpWhereHeld => _options.GivesUpWhereHeld;

    /// <summary>When it began, on the clock of the server's first loop.</summary>
    public long BeganNs { get; }

    /// <summary>True from the moment in which nothing is in flight, until <see cref="End"/>.</summary>
    public bool IsQuiet => _state == State.Quiet;

    /// <summary>True where it holds this edge. Any thread.</summary>
    public bool Holds(BlockEdge edge)
    {
        lock (_drains.Sync)
        {
            return _edges.Contains(edge);
        }
    }

    /// <summary>Completes with the outcome, exactly once; never on a loop's thread.</summary>
    public Task<DrainOutcome> Done => _done.Task;

    /// <summary>
    /// Ends the section: what waited goes on, in its order. Any thread, at any time, also before it is quiet; ending it once more does nothing.
    /// </summary>
    public void End()
    {
        bool wasBeginning;
        lock (_drains.Sync)
        {
            if (_state is State.TimedOut or State.Ended)
            {
                return;
            }

            wasBeginning = _state == State.Beginning;
            _state = State.Ended;
            Open(report: false);
        }

        if (wasBeginning)
        {
            Tell(new DrainOutcome(false, _drains.NowNs - BeganNs, [$"the drain of {What} was ended before it was quiet"]));
        }
    }

    /// <summary>Other sections that hold something behind this one, and so may keep requests that this one waits for: a line each. Any thread.</summary>
    public IReadOnlyList<string> HeldBehind()
    {
        lock (_drains.Sync)
        {
            return [.. _drains.Active.Where(other => other != this && other._edges.Exists(edge => IsBehind(edge))).Select(Line)];
        }

        string Line(DrainSection other) => $"{HeldLine(other)}; requests that wait there are waited for";
    }

    /// <inheritdoc/>
    void ITimerHandler.OnTimer(LoopTimer timer)
    {
        lock (_drains.Sync)
        {
            if (_state == State.Beginning)
            {
                _state = State.TimedOut;
                Open(report: true);
            }
        }
    }

    /// <summary>Posts the begin. Under the lock.</summary>
    internal void Begin()
    {
        BlockEdge[] edges = [.. _edges];
        foreach (BlockEdge edge in edges)
        {
            edge.AddHold(Loops, _drains.MakeGate);
        }

        foreach (DrainPart part in _parts)
        {
            part.Home.Post(() => part.Close(edges));
        }

        if (_options.DeadlineNs >= 0)
        {
            long dueNs = BeganNs + Math.Min(_options.DeadlineNs, long.MaxValue - BeganNs);
            _timerLoop.Post(() => _timerLoop.StartTimer(_deadline, dueNs));
        }
    }

    /// <summary>An edge has come to lead to the node that is held: it is held too. Under the lock, while something else holds the edge.</summary>
    internal void Add(BlockEdge edge)
    {
        if (_edges.Contains(edge))
        {
            return;
        }

        _edges.Add(edge);

        // A store that has come meanwhile may have brought a loop of its own, on which nothing is in flight behind the edges that were there before.
        _parts.AddRange(_drains.Loops.Except(Loops).ToArray().Select(loop => new DrainPart(this, loop)));
        edge.AddHold(Loops, _drains.MakeGate);
        foreach (DrainPart part in _parts)
        {
            part.Home.Post(() => part.Close(edge));
        }
    }

    /// <summary>True where the request has come by one of the edges that the section holds, or is a part of one that has. On the thread of its loop.</summary>
    internal static bool IsInside(BlockRequest request, BlockEdge[] edges)
    {
        for (BlockRequest? part = request; part is not null; part = part.Parent)
        {
            if (part.PathCrosses(edges))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>One loop has nothing left to wait for. On its thread.</summary>
    internal void OnPartQuiet()
    {
        lock (_drains.Sync)
        {
            if (_state != State.Beginning || --_partsLeft > 0)
            {
                return;
            }

            _state = State.Quiet;
        }

        Tell(new DrainOutcome(true, _drains.NowNs - BeganNs, []));
    }

    /// <summary>A request that is waited for waits at this edge. True where another section holds it, so that there is nothing to wait for.</summary>
    internal bool OnHeldBehind(BlockEdge edge)
    {
        lock (_drains.Sync)
        {
            if (_state != State.Beginning || _drains.Active.Find(other => other != this && other._edges.Contains(edge)) is not { } holder)
            {
                return false;
            }

            _heldBehind = HeldLine(holder);
            _state = State.TimedOut;
            Open(report: true);
            return true;
        }
    }

    private string HeldLine(DrainSection other) => $"{other.What} is held by '{other.Reason}' since {TimeLength.Format(_drains.NowNs - other.BeganNs)}";

    private bool IsBehind(BlockEdge edge)
    {
        foreach (BlockEdge start in _edges)
        {
            for (BlockEdge? next = start.Target.Behind; next is not null; next = next.Target.Behind)
            {
                if (next == edge)
                {
                    return true;
                }
            }
        }

        return false;
    }

    /// <summary>Posts the end. Under the lock.</summary>
    /// <param name="report">The loops say what they still waited for.</param>
    private void Open(bool report)
    {
        BlockEdge[] edges = [.. _edges];
        _drains.Active.Remove(this);
        int left = _parts.Count;
        var reports = new string[left][];
        for (int i = 0; i < reports.Length; i++)
        {
            int index = i;
            DrainPart part = _parts[i];
            part.Home.Post(() =>
            {
                reports[index] = report ? part.Describe(edges) : [];
                part.Open();
                if (Interlocked.Decrement(ref left) == 0)
                {
                    OnOpen(edges, report ? reports : null);
                }
            });
        }
    }

    /// <summary>Every loop has opened its gates, and has said what it waited for where that was asked for.</summary>
    private void OnOpen(BlockEdge[] edges, string[][]? reports)
    {
        lock (_drains.Sync)
        {
            Array.ForEach(edges, edge => edge.RemoveHold());
        }

        if (reports is not null && _heldBehind is not null)
        {
            string why = $"{_heldBehind}, and requests that came by {What} wait there, so nothing was changed; resume that first";
            Tell(new DrainOutcome(false, _drains.NowNs - BeganNs, [why]));
        }
        else if (reports is not null)
        {
            string first = $"{What} was not quiet within {TimeLength.Format(_options.DeadlineNs)}; nothing has changed, and requests go on";
            Tell(new DrainOutcome(false, _drains.NowNs - BeganNs, [first, .. HeldBehind(), .. reports.SelectMany(lines => lines)]));
        }
    }

    private void Tell(DrainOutcome outcome)
    {
        _options.WhenDone?.Invoke(this, outcome);
        _done.SetResult(outcome);
        _timerLoop.Post(() => _timerLoop.StopTimer(_deadline));
    }
}
