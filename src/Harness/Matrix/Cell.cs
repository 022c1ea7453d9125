using System.Globalization;
using Harness.Events;

namespace Harness.Matrix;

/// <summary>One point of a matrix: one canonical value for every axis.</summary>
internal sealed class Cell
{
    private static readonly string[] s_ofEvents = ["variant", "pipes", "tokens"];
    private static readonly string[] s_ofStores = ["pattern", "block", "fill"];
    private static readonly string[] s_ofConnections = ["wait", "connections", "size", "rw", "transport"];

    private readonly Dictionary<string, string> _values;

    /// <param name="values">Canonical values by axis name; an axis that is not named has its first default.</param>
    public Cell(IReadOnlyDictionary<string, string> values)
    {
        _values = Axis.All.ToDictionary(axis => axis.Name, axis => values.TryGetValue(axis.Name, out var value) ? value : axis.Default[0]);
        if (!IsOpenLoop)
        {
            // No schedule, no gaps: one cell, whatever gaps the matrix asks for at other rates.
            _values["arrivals"] = "constant";
        }
        if (!HasOurServer)
        {
            // How a peer spreads its work is its own affair, and so is how much it takes at a time.
            _values["loops"] = "1";
            _values["max_in_flight"] = Axis.DefaultMaxInFlight;
        }
        SettleLayer();
        if (!HasOurClient)
        {
            // How a peer's client uses its connections is its own affair, and it records nothing.
            _values["duplex"] = Vocabulary.Duplexes[0];
            _values["timeline"] = "false";
        }
        if (IsBare)
        {
            _values["client_backend"] = _values["client_wait"] = Vocabulary.SameAsServer;
        }
        else
        {
            SettleSide("backend", "client_backend");
            SettleSide("wait", "client_wait");
        }
        if (!HasOurServer || _values["wait"] != "block")
        {
            // Only a loop that sleeps can let something gather first.
            _values["gather"] = Axis.DefaultGather;
        }
        Id = MakeId();
    }

    /// <summary>
    /// The same in every run: backend, depth and rw, then each axis that is not at its default, in the order of <see cref="Axis.All"/>;
    /// without what the cell does not have: a backend where neither process is ours, a store where nothing is served. So a matrix that grows an axis keeps
    /// the ids of the cells that it had.
    /// </summary>
    public string Id { get; }

    public string this[string axis] => _values[axis];

    /// <summary>Of every process that is ours and speaks NBD; the server's where <c>client_backend</c> says otherwise for the client.</summary>
    public string Backend => _values["backend"];

    /// <summary>What is measured: NBD, a rung of the ladder below it, the pipe test, or the bare system call.</summary>
    public string Layer => _values["layer"];

    /// <summary>Whether it is something else than NBD, which has neither an NBD server nor a client.</summary>
    public bool IsBare => Layer != Vocabulary.Nbd;

    /// <summary>Whether one process does all of it.</summary>
    public bool IsAlone => Layer is Vocabulary.Nop or Vocabulary.Events or Vocabulary.Syscall;

    /// <summary>Whether there is such a thing: an event's backend may not have the variant.</summary>
    public bool Exists => Layer != Vocabulary.Events || EventVariants.Find(Backend, _values["variant"]) is not null;

    /// <summary>Whether there is an NBD server, ours and no peer.</summary>
    public bool HasOurServer => !IsBare && _values["server"] == Vocabulary.Ours;

    /// <summary>Whether there is an NBD client, our load generator and no peer.</summary>
    public bool HasOurClient => !IsBare && _values["client"] == Vocabulary.Ours;

    /// <summary>The load generator's backend, where it is ours.</summary>
    public string ClientBackend => Client("backend");

    /// <summary>The load generator's wait mode, where it is ours.</summary>
    public string ClientWait => Client("wait");

    /// <summary>Event loops, each on a thread of its own, of our load generator.</summary>
    public int ClientThreads => _values["duplex"] == "threads" ? 2 : 1;

    /// <summary>Event loops of our server.</summary>
    public int Loops => int.Parse(_values["loops"], CultureInfo.InvariantCulture);

    /// <summary>Whether a process of it needs io_uring from the kernel; that of a peer is its own affair.</summary>
    public bool NeedsRing =>
        Layer == Vocabulary.Nop || (Layer == Vocabulary.Events && Vocabulary.NeedsRing(Backend))
        || (HasOurServer && Vocabulary.NeedsRing(Backend)) || (HasOurClient && Vocabulary.NeedsRing(ClientBackend));

    /// <summary>Whether requests are sent on a schedule, and not each when the one before it is answered.</summary>
    public bool IsOpenLoop => _values["rate"] != Vocabulary.ClosedLoop;

    /// <summary>The share of the saturated rate that is offered, in percent; null where the rate is none, or is told in operations per second.</summary>
    public int? RatePercent => Vocabulary.RatePercent(_values["rate"]);

    /// <summary>The cell with another value on one axis.</summary>
    public Cell With(string axis, string value) => new(new Dictionary<string, string>(_values) { [axis] = value });

    /// <summary>All values by axis name, as they are stored in results.</summary>
    public IReadOnlyDictionary<string, string> Values => _values;

    private string Client(string axis) => _values[$"client_{axis}"] is var own && own == Vocabulary.SameAsServer ? _values[axis] : own;

    // Cells that differ only in what a peer does not have are one cell. Where only one side is ours, the axis without "client_" speaks of it.
    private void SettleSide(string axis, string clientAxis)
    {
        if (!HasOurServer)
        {
            _values[axis] = HasOurClient ? Client(axis) : Vocabulary.None;
        }
        if (!HasOurServer || !HasOurClient || _values[clientAxis] == _values[axis])
        {
            _values[clientAxis] = Vocabulary.SameAsServer;
        }
    }

    // Cells that differ only in what their layer does not have are one cell: a NOP, a system call and a token go nowhere, a bare exchange knows no store and
    // no event loop.
    private void SettleLayer()
    {
        string[] missing = Layer switch
        {
            Vocabulary.Nop => ["backend", .. s_ofEvents, .. s_ofStores, .. s_ofConnections],
            Vocabulary.Exchange => ["backend", .. s_ofEvents, .. s_ofStores],
            Vocabulary.Syscall => ["backend", "depth", .. s_ofEvents, .. s_ofStores, .. s_ofConnections],
            Vocabulary.Events => ["depth", .. s_ofStores, .. s_ofConnections],
            _ => s_ofEvents,
        };
        Array.ForEach(missing, axis => _values[axis] = Vocabulary.None);
    }

    private string MakeId() => string.Join(',', Axis.All
        .Where(axis => (axis.InEveryId || _values[axis.Name] != axis.Default[0]) && _values[axis.Name] != Vocabulary.None)
        .Select(axis => $"{axis.Name}={_values[axis.Name]}"));
}
