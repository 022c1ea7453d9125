using Harness.Nbd;
using Xunit.Sdk;

namespace Harness.Tests;

/// <summary>
/// One program: connections in all forms that come, ask, stop reading, leave and vanish; a store that answers in any order and with errors; and a model that
/// knows what each may be told. The same seed is the same program.
/// </summary>
internal sealed class EngineRun : IDisposable
{
    private const int Steps = 120;

    private readonly Random _random;
    private readonly EngineSetup _setup;
    private readonly EngineUnderTest _engine;
    private readonly EngineStore _store;
    private readonly SimulatedServer _world;
    private readonly EngineUnits _units = new();
    private readonly EngineRequests _requests;
    private readonly EngineDrains _drains;
    private readonly List<EngineClient> _clients = [];
    private readonly List<EngineClient> _leaving = [];
    private readonly List<EngineRequest> _orphans = [];

    private EngineRun(int seed, EngineUnderTest engine)
    {
        _random = new Random(seed);
        _setup = EngineSetup.Draw(seed, _random);
        _engine = engine;
        _store = engine.Store(_setup, _random);
        _world = new SimulatedServer(engine.Top(_store), engine.Options(_setup), engine.ReadOnly(_setup));
        engine.Prepare(_world.Server.Drains);
        _requests = new EngineRequests(_setup, _units, _random);
        _drains = new EngineDrains(_world, _store, _random);
    }

    /// <summary>Runs the program of a seed.</summary>
    /// <exception cref="EngineRuleBrokenException">A rule does not hold; the message has the seed.</exception>
    public static void Run(int seed, EngineUnderTest engine)
    {
        using var run = new EngineRun(seed, engine);
        try
        {
            run.Run();
        }
        catch (EngineRuleBrokenException e)
        {
            throw e.In(run._setup);
        }
        finally
        {
            run._drains.EndAll();
            run.EndAll();
        }
    }

    public void Dispose() => _world.Dispose();

    private void Run()
    {
        for (int i = 0; i < _setup.Connections; i++)
        {
            _clients.Add(Connect());
        }

        for (int step = 0; step < Steps; step++)
        {
            Step();
            Look();
        }

        Finish();
        Sweep();
        Leave();
    }

    private void Step()
    {
        int which = _random.Next(_clients.Count);
        EngineClient client = _clients[which];
        switch (_random.Next(100))
        {
            case < 55:
                for (int i = _random.Next(1, 6); i > 0; i--)
                {
                    Send(client, _requests.Draw(client));
                }

                break;
            case < 80:
                for (int i = _random.Next(1, 8); i > 0 && _store.Held.Count > 0; i--)
                {
                    _store.End(_random.Next(_store.Held.Count));
                }

                break;
            case < 89:
                _drains.Step();
                break;
            case < 91:
                client.Allow(_random.Next(300));
                break;
            case < 95:
                client.Allow(long.MaxValue);
                break;
            case < 98:
                client.Allow(long.MaxValue);
                client.Leave(politely: _random.Next(2) == 0);
                _leaving.Add(client);
                _clients[which] = Connect();
                break;
            default:
                client.Reset();
                _orphans.AddRange(client.Waiting.Values.Where(request => request.IsChange));
                _clients[which] = Connect();
                break;
        }
    }

    private EngineClient Connect()
    {
        Cuts cuts = _random.Next(2) == 0 ? Cuts.None : new Cuts(_random, MaxReceive: _random.Next(1, 3000), MaxSend: _random.Next(1, 3000));
        var form = (ReplyForm)_random.Next(3);
        return new EngineClient(_world, form, hasContext: form != ReplyForm.Simple && _random.Next(2) == 0, cuts);
    }

    private void Send(EngineClient client, EngineRequest request)
    {
        if (request.IsChange)
        {
            // Whoever reads these units now may see the change or not.
            ulong version = request.Command == NbdCommand.Write ? request.Cookie : EngineContent.Zero;
            IEnumerable<EngineRequest> waiting = _clients.Concat(_leaving).SelectMany(other => other.Waiting.Values);
            foreach (EngineRequest read in waiting.Where(other => other.Looks))
            {
                int from = Math.Max(read.FirstUnit, request.FirstUnit);
                int end = Math.Min(read.FirstUnit + read.Readable.Length, request.FirstUnit + request.UnitCount);
                for (int unit = from; unit < end; unit++)
                {
                    read.Readable[unit - read.FirstUnit].Add(version);
                }
            }
        }

        client.Send(request);
    }

    /// <summary>Lets the server run until it has nothing more to do, then looks at everything that can be seen.</summary>
    private void Look()
    {
        _world.Settle();
        if (_store.Complaint is { } complaint)
        {
            throw new EngineRuleBrokenException(EngineRule.StoreSeesOnlyGood, complaint);
        }

        foreach (EngineClient client in _clients.Concat(_leaving).ToList())
        {
            foreach (List<WireChunk> reply in client.Receive(chunk => _engine.Sent(chunk, _random)))
            {
                Judge(client, reply);
            }
        }

        int most = _store.Held.Count == 0 ? 0 : _store.Held.GroupBy(request => EngineStore.Root(request).Owner).Max(held => held.Count());
        if (most > _setup.MaxInFlight)
        {
            throw new EngineRuleBrokenException(EngineRule.WindowIsKept, $"a connection has {most} requests in flight");
        }

        _drains.Check();
        _units.CheckDurable(_store.Durable);
        if (_store.Held.Count == 0 && _drains.IsIdle)
        {
            // Of those whose connection was lost none can happen any more.
            _orphans.ForEach(request => _units.Fail(request.FirstUnit, request.UnitCount));
            _orphans.Clear();
        }
    }

    private void Judge(EngineClient client, List<WireChunk> reply)
    {
        if (!client.Waiting.Remove(reply[0].Cookie, out EngineRequest? request))
        {
            throw new EngineRuleBrokenException(EngineRule.AnsweredOnce, $"a reply to {reply[0].Cookie}, which nobody waits for");
        }

        EngineAnswer answer = EngineAnswer.Of(request, reply, client.Form);
        uint storeError = _store.Errors.TryGetValue(request.Cookie, out int error) ? error == 121 ? 5u : (uint)error : 0;
        if (answer.Error != (request.Refusal != 0 ? request.Refusal : storeError))
        {
            throw new EngineRuleBrokenException(
                request.Refusal != 0 ? EngineRule.BadIsRefused : EngineRule.ErrorIsTold,
                $"{request} is answered by error {answer.Error}, not {(request.Refusal != 0 ? request.Refusal : storeError)}");
        }

        if (request.Refusal == 0)
        {
            Learn(request, answer);
        }
    }

    private void Learn(EngineRequest request, EngineAnswer answer)
    {
        if (request.IsChange && answer.Error != 0)
        {
            _units.Fail(request.FirstUnit, request.UnitCount);
        }
        else if (request.IsChange)
        {
            _units.Succeed(request.FirstUnit, request.UnitCount, (request.Flags & NbdCommandFlags.Fua) != 0);
        }
        else if (request.Command == NbdCommand.Flush && answer.Error == 0)
        {
            _units.Flushed(request.Ended);
        }
        else if (request.IsRead && answer.Error == 0)
        {
            CheckData(request, answer.Data);
        }
        else if (request.IsStatus && answer.Error == 0)
        {
            CheckStatus(request, answer.Extents);
        }
    }

    private static void CheckStatus(EngineRequest request, List<(ulong Length, ulong Flags)> extents)
    {
        const ulong Zero = 2;
        int unit = 0;
        foreach ((ulong length, ulong flags) in extents)
        {
            for (int end = unit + ((int)length / EngineSetup.UnitBytes); unit < end; unit++)
            {
                if ((flags & Zero) != 0 && !request.Readable[unit].Contains(EngineContent.Zero))
                {
                    throw new EngineRuleBrokenException(EngineRule.StatusIsTrue, $"{request}: unit {request.FirstUnit + unit} is called zeroes and is none");
                }
            }
        }
    }

    private static void CheckData(EngineRequest request, byte[] data)
    {
        int at = 0;
        for (int i = 0; i < request.UnitCount; i++)
        {
            int skip = i == 0 ? (int)request.Offset % EngineSetup.UnitBytes : 0;
            int length = Math.Min(EngineSetup.UnitBytes - skip, data.Length - at);
            if (!request.Readable[i].Any(version => EngineContent.Holds(data.AsSpan(at, length), request.FirstUnit + i, skip, version)))
            {
                throw new EngineRuleBrokenException(
                    EngineRule.ReadSeesWrites, $"{request}: unit {request.FirstUnit + i} holds none of the versions {string.Join(", ", request.Readable[i])}");
            }

            at += length;
        }
    }

    /// <summary>Everything that was asked for is answered.</summary>
    private void Finish()
    {
        _clients.ForEach(client => client.Allow(long.MaxValue));
        EndAll();
        Look();
        _drains.CheckQuiet();
        _drains.EndAll();
        EndAll();
        Look();
        foreach (EngineClient client in _clients.Concat(_leaving).Where(client => client.Waiting.Count > 0))
        {
            throw new EngineRuleBrokenException(
                client.IsLeaving ? EngineRule.LeavingIsServed : EngineRule.Answered, $"never answered: {string.Join("; ", client.Waiting.Values)}");
        }
    }

    /// <summary>Lets the store end everything that it has and is still given.</summary>
    private void EndAll()
    {
        _world.Settle();
        while (_store.Held.Count > 0)
        {
            _store.End(_random.Next(_store.Held.Count));
            _world.Settle();
        }
    }

    private void Sweep()
    {
        EngineClient client = Connect();
        _clients.Add(client);
        for (int first = 0; first < EngineSetup.Units; first += 16)
        {
            Send(client, _requests.Sweep(first, 16));
        }

        Finish();
    }

    private void Leave()
    {
        _clients.ForEach(client => client.Leave(politely: true));
        _world.Settle();
        if (_clients.Concat(_leaving).Any(client => !client.IsClosed))
        {
            throw new EngineRuleBrokenException(EngineRule.LeavingIsServed, "a client that has left is still connected");
        }

        try
        {
            _world.AssertNothingLeft("all have left");
        }
        catch (XunitException e)
        {
            throw new EngineRuleBrokenException(EngineRule.NothingLeft, e.Message);
        }
    }
}
