using BenchmarkDotNet.Attributes;
using Harness.Nbd;

namespace Harness.Micro;

/// <summary>The client's table of requests in flight: a slot is taken, its cookie judged as a reply's would be, and the slot given back.</summary>
public class InFlightTable : IClientRequestHandler
{
    private ClientRequest[] _requests = [];
    private ulong[] _cookies = [];
    private InFlight _table = null!;

    /// <summary>Requests in flight at once.</summary>
    [Params(1, 64, 4096)]
    public int Depth { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _table = new InFlight(Depth);
        _requests = [.. Enumerable.Range(0, Depth).Select(_ => new ClientRequest(this) { Command = NbdCommand.Read, Length = 4096 })];
        _cookies = new ulong[Depth];
    }

    /// <summary>The whole table is filled and emptied; divide by the depth for one request.</summary>
    [Benchmark]
    public int FillAndEmpty()
    {
        for (int i = 0; i < _requests.Length; i++)
        {
            _cookies[i] = _table.CookieOf(_table.Take(_requests[i]));
        }

        int good = 0;
        foreach (ulong cookie in _cookies)
        {
            good += _table.Judge(cookie) == CookieVerdict.InFlight ? 1 : 0;
            _table.Release(InFlight.SlotOf(cookie));
        }

        return good;
    }

    public void OnCompleted(ClientRequest request, int error)
    {
    }
}
