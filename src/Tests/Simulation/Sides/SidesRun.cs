using Harness.Io;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>
/// One program: a client whose sides are on two loops, a server that answers early and in any order, and a model of its disk. All three run on the test's
/// thread, in turns drawn at random; and wherever the sides meet (<see cref="StoppingShare"/>), one stops in the middle of its turn while the others go on for
/// a while. So there is no time in it, the same seed is the same program, and what needs two threads at an unlucky moment needs only the right seed.
/// </summary>
internal sealed class SidesRun : INbdClientHandler
{
    private const int DiskBytes = 16 << 10;
    private const int Operations = 60;

    // In so many turns a server that tosses coins has answered, and a loop has run.
    private const int Patience = 400;

    private readonly Random _random;
    private readonly EventLoop[] _loops = [new(new SimulatedBackend()), new(new SimulatedBackend()), new(new SimulatedBackend())];
    private readonly Stack<int> _running = new();
    private readonly CutPipe _stream;
    private readonly EarlyServer _server;
    private readonly NbdClient _client;
    private readonly byte[] _disk = new byte[DiskBytes];
    private readonly List<ScriptedRequest> _requests = [];
    private readonly int _depth;
    private readonly int _eagerness;
    private readonly int _slow;
    private readonly End _end;
    private readonly int _endAfter;
    private int _left = Operations;
    private int _taken;
    private int _ended;
    private int _closed;
    private int _error;
    private bool _isReady;

    private SidesRun(int seed, Func<SidesRun, int, SharedInFlight> share, SidesSeen seen)
    {
        _random = new Random(seed);
        Seen = seen;
        _depth = _random.Next(1, 7);
        _eagerness = _random.Next(1, 6);
        _slow = _random.Next(_loops.Length + 1);
        _end = (End)_random.Next(4);
        _endAfter = _random.Next(1, Operations);
        PipeCut? cut = _end == End.Breaks ? new PipeCut(_random.Next(2) == 0, _random.Next(12_000), _random.Next(2) == 0) : null;
        _stream = new CutPipe(_loops[0], _random, 1 << _random.Next(5, 13), 1 << _random.Next(3, 12), cut, _loops[1], _loops[2]);
        _server = new EarlyServer(_stream.Server, _random, DiskBytes, lies: _end == End.Breaks && _random.Next(3) == 0);
        var options = new NbdClientOptions
        {
            HandshakeTimeoutNs = 0,
            MaxInFlight = _random.Next(1, _depth + 1),
            MaxBatchRequests = _random.Next(1, 5),
            ReceiveBytes = 4096,
            TimelineEntries = _random.Next(2) * 64,
        };
        _client = new NbdClient(_stream.Client, _stream.Sender, options, this, slots => share(this, slots));
    }

    /// <summary>How a connection comes to its end.</summary>
    private enum End
    {
        /// <summary>Everything is done, then it is left.</summary>
        IsDone,

        /// <summary>It is left while requests are in flight.</summary>
        Leaves,

        /// <summary>It is dropped while requests are in flight.</summary>
        Drops,

        /// <summary>The stream breaks at some byte, or the server lies.</summary>
        Breaks,
    }

    public SidesSeen Seen { get; }

    public EventLoop ReceiveLoop => _loops[0];

    /// <summary>True within the sending side's turn, and not within another that goes on while that one has stopped.</summary>
    public bool SenderRuns => _running.TryPeek(out int which) && which == 1;

    /// <summary>Runs the program of a seed.</summary>
    /// <param name="seed">Draws everything.</param>
    /// <param name="share">What the sides share, for so many requests.</param>
    /// <param name="seen">Counts what came about.</param>
    /// <exception cref="SidesRuleBrokenException">A rule does not hold; the message says in which program.</exception>
    public static void Run(int seed, Func<SidesRun, int, SharedInFlight> share, SidesSeen seen)
    {
        var run = new SidesRun(seed, share, seen);
        try
        {
            run.Run();
        }
        catch (Exception e)
        {
            // What is left of it is in no state to be taken down.
            throw new SidesRuleBrokenException(
                (e as SidesRuleBrokenException)?.Rule ?? SidesRule.NoFault, $"{e.Message} ({run._end}; HARNESS_TEST_SEED={seed} runs it alone)", e);
        }

        run.TakeDown();
    }

    /// <summary>Whoever runs stops here, and the others go on for a while.</summary>
    public void Stop()
    {
        for (int turns = _random.Next(_eagerness); turns > 0; turns--)
        {
            Turn();
        }
    }

    void INbdClientHandler.OnReady(NbdClient client)
    {
        _isReady = true;
        for (int place = 0; place < _depth; place++)
        {
            Next(place);
        }
    }

    void INbdClientHandler.OnClosed(NbdClient client, int error, string reason)
    {
        Require(++_closed == 1, SidesRule.EndIsTold, $"the end was told {_closed} times");
        Require(_taken == 0, SidesRule.EndIsTold, $"the end was told before that of {_taken} requests");
        bool isAsked = _end is End.IsDone or End.Leaves;
        int expected = isAsked ? 0 : _end == End.Drops ? 125 : error;
        Require(error == expected, SidesRule.EndIsTold, $"the connection ended with {error}: {reason}");
        _error = error;
    }

    private static void Require(bool holds, SidesRule rule, string what)
    {
        if (!holds)
        {
            throw new SidesRuleBrokenException(rule, $"broken rule {rule}: {what}");
        }
    }

    private void Run()
    {
        _server.Start();
        _client.Start();
        Until(() => _closed > 0 || (_isReady && _ended == _requests.Count), SidesRule.EndsOnce, "every request has ended");
        if (_closed == 0)
        {
            _client.Disconnect();
        }

        Until(() => _closed > 0, SidesRule.EndIsTold, "the end is told");
        Until(() => _server.IsClosed, SidesRule.EndIsTold, "the server hears of the end");
        Until(() => _ended == _requests.Count, SidesRule.EndsOnce, "what came after the end is refused");
        for (int turns = 0; turns < 30; turns++)
        {
            Turn();
        }

        Require(_requests.All(request => request.Ends == 1), SidesRule.EndsOnce, "a request has ended again after the end");
        if (_error == 0)
        {
            Require(_disk.AsSpan().SequenceEqual(_server.Disk), SidesRule.MemoryIsFree, "the disk has other bytes than were written");
        }
    }

    private void TakeDown()
    {
        _client.Dispose();
        _server.Dispose();
        _requests.ForEach(request => request.Dispose());
        Array.ForEach(_loops, loop => loop.Dispose());
    }

    private void Until(Func<bool> condition, SidesRule rule, string what)
    {
        for (int idle = 0; !condition(); idle++)
        {
            Require(idle < Patience, rule, $"nothing more happens until {what}: {_client.Describe()}");
            long before = Progress;
            Turn();
            idle = Progress == before ? idle : -1;
        }
    }

    private long Progress => _stream.ToServer + _stream.ToClient + _stream.Received + _ended + _closed;

    /// <summary>A turn of one of the three, of which one may be slow; none where that one has stopped in the middle of a turn.</summary>
    private void Turn()
    {
        int which = _random.Next(_loops.Length);
        if (_running.Contains(which) || (which == _slow && _random.Next(4) != 0))
        {
            return;
        }

        _running.Push(which);
        if (which == 2)
        {
            _server.Step();
        }

        _loops[which].RunOnceWithoutSleep();
        _running.Pop();
    }

    /// <summary>The next request to a place, whose bytes nobody else touches.</summary>
    private void Next(int place)
    {
        if (_left == 0)
        {
            return;
        }

        _left--;
        int share = DiskBytes / _depth;
        int length = _random.Next(1, _random.Next(2, Math.Min(share, 3000)));
        int offset = (place * share) + _random.Next(share - length);
        var request = new ScriptedRequest(_random.Next(3) == 0 ? NbdCommand.Read : NbdCommand.Write, (ulong)offset, (uint)length);
        _requests.Add(request);
        bool isRead = request.Request.Command == NbdCommand.Read;

        // What is submitted after the beginning of the end is refused, and may be after the end is told.
        bool isTaken = _client.IsReady;
        _taken += isTaken ? 1 : 0;
        request.Then = () =>
        {
            Require(request.Ends == 1, SidesRule.EndsOnce, $"a {request.Request.Command} has ended {request.Ends} times");
            _taken -= isTaken ? 1 : 0;
            bool isRight = !isRead || request.Error != 0 || request.Memory.SequenceEqual(_disk.AsSpan(offset, length));
            Require(isRight, SidesRule.MemoryIsFree, $"other bytes at {offset} than were written");

            // Its memory is ours again.
            request.Memory.Fill(0xdd);
            _ended++;
            EndPerhaps();
            Next(place);
        };
        if (!isRead && isTaken)
        {
            _random.NextBytes(request.Memory);
            request.Memory.CopyTo(_disk.AsSpan(offset));
        }

        _client.Submit(request.Request);
    }

    private void EndPerhaps()
    {
        if (_ended == _endAfter && _end == End.Leaves)
        {
            _client.Disconnect();
        }
        else if (_ended == _endAfter && _end == End.Drops)
        {
            _client.Drop(125, "given up");
        }
    }
}
