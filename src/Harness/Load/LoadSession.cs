using Harness.Io;
using Harness.Io.Native;
using Harness.Nbd;

namespace Harness.Load;

/// <summary>
/// The connections of one run on their one loop. A phase issues until its count or its time is used up, then drains: it begins and ends with nothing
/// in flight, so that everything counted between belongs to an operation of the phase.
/// </summary>
internal sealed partial class LoadSession : IDisposable
{
    // A server that has answered nothing for so many request timeouts is gone, and a load that goes on would only count errors.
    private const int SilentTimeouts = 10;

    private readonly EventLoop _loop;
    private readonly LoadOptions _options;
    private readonly Action<IConnectHandler> _connect;
    private readonly NbdClientOptions _clientOptions;
    private readonly LoadConnection[] _connections;
    private readonly OpenLoop? _openLoop;
    private readonly ThinkTime? _thinkTime;
    private IDataOracle? _oracle;
    private LoadRecord? _record;
    private bool _sweeping;
    private ulong _sweepNext;
    private long _opsLeft;
    private long _endNs;
    private long _answeredNs;
    private long _lastSentNs;
    private int _outstanding;

    /// <param name="loop">The one loop of all connections.</param>
    /// <param name="options">Which load.</param>
    /// <param name="connect">Begins to connect one connection.</param>
    /// <param name="clientOptions">Of every connection.</param>
    /// <param name="sendLoop">Where the write sides live, on another thread; null for <paramref name="loop"/>.</param>
    public LoadSession(EventLoop loop, LoadOptions options, Action<IConnectHandler> connect, NbdClientOptions clientOptions, EventLoop? sendLoop = null)
    {
        _loop = loop;
        _options = options;
        _connect = connect;
        _patienceTimer = new LoopTimer(_patience);
        _clientOptions = clientOptions;
        _connections = [.. Enumerable.Range(0, options.Connections).Select(i => new LoadConnection(i, this, clientOptions, sendLoop))];
        _openLoop = options.Rate is { } rate ? new OpenLoop(loop, this, new ArrivalSchedule(options.Arrivals, rate, options.Seed), _connections) : null;
        _thinkTime = options.ThinkTime > TimeSpan.Zero ? new ThinkTime(loop, this, (long)options.ThinkTime.TotalNanoseconds) : null;
    }

    /// <summary>The name of the loop's backend.</summary>
    public string BackendName => _loop.BackendName;

    /// <summary>The first connection's client.</summary>
    public NbdClient Client => _connections[0].Client!;

    /// <summary>The form of replies that the server granted.</summary>
    public ReplyForm Replies => _connections[0].Client!.Replies;

    /// <summary>What was agreed with the server; the same on all connections.</summary>
    public ExportInfo Export => _connections[0].Client!.Export;

    /// <summary>The largest request that the client may send.</summary>
    public uint MaxPayloadBytes => _connections[0].Client!.MaxPayloadBytes;

    /// <summary>The line that says how a connection ended too early, or null.</summary>
    public string? LostReason { get; private set; }

    /// <summary>Failed requests and wrong data of all phases.</summary>
    public long Errors { get; private set; }

    /// <summary>The first of them, in lines for people; at most 8.</summary>
    public List<string> ErrorLines { get; } = [];

    /// <summary>Operations of the last phase that ended well.</summary>
    public long Ops { get; private set; }

    /// <summary>Bytes that they read or wrote.</summary>
    public long Bytes { get; private set; }

    /// <summary>When the last phase began, on the loop's clock.</summary>
    public long StartedNs { get; private set; }

    /// <summary>When the last phase's last request ended, on the loop's clock.</summary>
    public long LastCompletedNs { get; private set; }

    /// <summary>Blocks that the last sweep has read.</summary>
    public long SweptBlocks { get; private set; }

    /// <summary>Gives every connection its requests; <paramref name="oracle"/> is null where data is not looked at.</summary>
    public void Prepare(IDataOracle? oracle)
    {
        _oracle = oracle;
        ulong blocks = Export.Size / (ulong)_options.RequestBytes;
        foreach (LoadConnection connection in _connections)
        {
            var picker = new BlockPicker(_options.Pattern, blocks, connection.Index, _connections.Length, _options.Seed, _options.ZipfTheta);
            connection.Prepare(picker, _options.Depth, _options.RequestBytes, _options.Seed);
            if (_thinkTime is not null)
            {
                Array.ForEach(connection.Slots, _thinkTime.Prepare);
            }
        }
    }

    /// <summary>True while a request more may be sent.</summary>
    public bool MaySend => LostReason is null && _opsLeft > 0;

    /// <summary>
    /// Runs until <paramref name="ops"/> operations have ended or, where it is null, nothing is issued after <paramref name="duration"/>. False where a
    /// connection was lost.
    /// </summary>
    /// <param name="ops">How many, or null.</param>
    /// <param name="duration">How long, where it is not how many.</param>
    /// <param name="catchUp">How long after <paramref name="duration"/> an open loop goes on to send what was due within it.</param>
    public bool RunPhase(long? ops, TimeSpan duration, TimeSpan catchUp = default)
    {
        Ops = 0;
        Bytes = 0;
        _opsLeft = ops ?? long.MaxValue;
        StartedNs = LastCompletedNs = _answeredNs = _lastSentNs = _loop.NowNs;
        _endNs = ops is null ? StartedNs + (long)duration.TotalNanoseconds : long.MaxValue;
        _record?.Start(StartedNs, ops is { } count && _options.Rate is { } rate ? (long)(count * 1e9 / rate) : (long)duration.TotalNanoseconds);
        if (_openLoop is null)
        {
            IssueEverywhere();
            Drain(_endNs);
        }
        else
        {
            long giveUpNs = ops is null ? _endNs + (long)catchUp.TotalNanoseconds : long.MaxValue;
            _openLoop.Start(StartedNs, _endNs, giveUpNs);
            Drain(giveUpNs);
        }

        return LostReason is null;
    }

    /// <summary>From now on times go here; null records nothing.</summary>
    public void Record(LoadRecord? record) => _record = record;

    /// <summary>How the last phase kept to its schedule; null in a closed loop.</summary>
    public OpenLoopFigures? OpenLoopFigures(LoadRecord record) => _openLoop?.Figures(_lastSentNs, record.Growth.KeepsGrowing);

    /// <summary>Reads back every block that was written. False where a connection was lost.</summary>
    public bool Sweep()
    {
        _sweeping = true;
        _sweepNext = 0;
        SweptBlocks = 0;
        _answeredNs = _loop.NowNs;
        _endNs = long.MaxValue;
        _opsLeft = long.MaxValue;
        IssueEverywhere();
        Drain(_endNs);
        _sweeping = false;
        return LostReason is null;
    }

    /// <summary>A connection has ended that should not have. The others stop issuing and drain.</summary>
    public void Lost(string reason) => LostReason ??= reason;

    /// <summary>A request has ended, for better or worse: judge, record, issue the next.</summary>
    public void Completed(LoadSlot slot, int error)
    {
        _outstanding--;
        ClientRequest request = slot.Request;
        LastCompletedNs = request.CompletedNs;
        _lastSentNs = Math.Max(_lastSentNs, request.IssuedNs);
        if (error != 0)
        {
            Fail(slot, error);
        }
        else if (Accept(slot))
        {
            Ops++;
            Bytes += (long)request.Length;
            _record?.Add(slot.IntendedNs, request.IssuedNs, request.CompletedNs);
        }

        slot.Release();
        Next(slot, request.CompletedNs);
    }

    private void Next(LoadSlot slot, long nowNs)
    {
        if (_sweeping)
        {
            TryIssue(slot, nowNs);
        }
        else if (_openLoop is not null)
        {
            _openLoop.Freed(slot, nowNs);
        }
        else if (_thinkTime is not null)
        {
            _thinkTime.Begin(slot, nowNs, _endNs);
        }
        else
        {
            TryIssue(slot, nowNs);
        }
    }

    private bool Accept(LoadSlot slot)
    {
        _answeredNs = slot.Request.CompletedNs;
        if (_oracle is null)
        {
            return true;
        }

        if (slot.IsWrite)
        {
            _oracle.EndWrite(slot.Block);
            return true;
        }

        if (_oracle.EndRead(slot.Block, slot.Data.Span) is { } wrong)
        {
            AddError($"wrong data at {wrong}");
            return false;
        }

        return true;
    }

    private void Fail(LoadSlot slot, int error)
    {
        _oracle?.Fail(slot.Block, slot.IsWrite);
        string line = $"{slot.Request.Command.Text()} of {slot.Request.Length} bytes at offset {slot.Request.Offset}: {ErrnoText.Of(error)}";
        AddError(line);
        if (error != Errno.ETIMEDOUT)
        {
            _answeredNs = slot.Request.CompletedNs;
        }
        else if (slot.Request.CompletedNs - _answeredNs > SilentTimeouts * _clientOptions.RequestTimeoutNs)
        {
            string silence = $"{(slot.Request.CompletedNs - _answeredNs) / 1e9:0.0} s";
            Lost($"{slot.Connection.Client!.Peer}: the server has answered nothing in time for {silence}, {Errors:n0} requests failed; the last: {line}");
        }
    }

    private void AddError(string line)
    {
        Errors++;
        if (ErrorLines.Count < 8)
        {
            ErrorLines.Add(line);
        }
    }

    private void IssueEverywhere()
    {
        long nowNs = _loop.NowNs;
        foreach (LoadConnection connection in _connections)
        {
            foreach (LoadSlot slot in connection.Slots)
            {
                TryIssue(slot, nowNs);
            }
        }
    }

    /// <summary>Closed loop and sweep: issues the slot's next request, unless the phase is over.</summary>
    public void TryIssue(LoadSlot slot, long nowNs)
    {
        if (!MaySend || nowNs >= _endNs)
        {
            return;
        }

        if (!_sweeping)
        {
            Choose(slot);
        }
        else if (!TrySweepNext(slot))
        {
            return;
        }

        Submit(slot);
        slot.IntendedNs = slot.Request.SubmittedNs;
    }

    /// <summary>Sends the slot's next request now; for an open loop, which has set its intended time and knows that it may.</summary>
    public void Send(LoadSlot slot)
    {
        Choose(slot);
        Submit(slot);
    }

    private void Submit(LoadSlot slot)
    {
        _opsLeft--;
        _outstanding++;
        slot.Request.Offset = slot.Block * (ulong)_options.RequestBytes;
        slot.Connection.Client!.Submit(slot.Request);
    }

    /// <summary>Chooses the next block of a sweep; false where it has come to its end.</summary>
    private bool TrySweepNext(LoadSlot slot)
    {
        if (!_oracle!.TryNextToSweep(ref _sweepNext))
        {
            _opsLeft = 0;
            return false;
        }

        SweptBlocks++;
        slot.Block = _oracle.Begin(slot.Connection.Picker, _sweepNext++, isWrite: false);
        slot.AimRead();
        return true;
    }

    /// <summary>Chooses command, block and data.</summary>
    private void Choose(LoadSlot slot)
    {
        BlockPicker picker = slot.Connection.Picker;
        bool isWrite = !picker.NextIsRead(_options.ReadPercent);
        ulong block = picker.Next();
        slot.Block = _oracle?.Begin(picker, block, isWrite) ?? block;
        if (_options.Sizes is { } sizes)
        {
            slot.Request.Length = (ulong)sizes.Pick(picker.NextPercent());
        }

        if (!isWrite)
        {
            slot.AimRead();
            return;
        }

        slot.AimWrite();
        _oracle?.Fill(slot.Block, slot.Data.Span);
    }
}
