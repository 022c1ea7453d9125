using Harness.Nbd;

namespace Harness.Tests;

/// <summary>Drained sections of a program that come and go, and changes of the graph inside them.</summary>
internal sealed class EngineDrains(SimulatedServer world, EngineStore store, Random random)
{
    private static readonly string[] s_filters = ["stats", "delay", "readonly", "stats/delay:write=0s"];

    private readonly List<Held> _sections = [];
    private readonly string _storeId = BlockNode.NameOf(store);

    /// <summary>What the graph has that it did not begin with.</summary>
    public List<string> Inserted { get; } = [];

    /// <summary>Whether no request waits at an edge.</summary>
    public bool IsIdle => _sections.Count == 0;

    public void Step()
    {
        switch (random.Next(4))
        {
            case 0 when _sections.Count < 4:
                Begin();
                break;
            case 1:
                Change();
                break;
            default:
                EndOne();
                break;
        }
    }

    /// <summary>Nothing of the store moves while a section is quiet, unless what it holds has been taken out of the graph meanwhile.</summary>
    public void Check()
    {
        IReadOnlyList<BlockNode> nodes = world.Server.Nodes.All;
        foreach (Held held in _sections.Where(held => held.Section.IsQuiet && (held.Section.Node is not { } node || nodes.Contains(node))))
        {
            held.StartsWhenQuiet ??= store.Starts;
            if (store.Held.Count > 0 || store.Starts != held.StartsWhenQuiet)
            {
                throw new EngineRuleBrokenException(
                    EngineRule.DrainHolds, $"the drain of {held.Section.What} is quiet, and the store has {store.Held.Count} requests and has begun {store.Starts - held.StartsWhenQuiet}");
            }
        }
    }

    /// <summary>The store has ended everything and everything is sent: a section that holds the store itself has nothing to wait for.</summary>
    public void CheckQuiet()
    {
        if (_sections.Find(held => held.Section.What == _storeId && !held.Section.IsQuiet) is { } late)
        {
            throw new EngineRuleBrokenException(EngineRule.DrainEnds, $"the drain of {late.Section.What} is not quiet, though nothing is in flight there");
        }
    }

    public void EndAll()
    {
        while (_sections.Count > 0)
        {
            EndOne();
        }
    }

    private void Begin()
    {
        BlockDrains drains = world.Server.Drains;
        string node = Inserted.Count > 0 && random.Next(2) == 0 ? Inserted[random.Next(Inserted.Count)] : _storeId;
        int which = random.Next(4);
        DrainSection section = which switch
        {
            0 => drains.BeginAll(),
            1 => drains.Begin(world.Graph),
            _ => drains.Begin(world.Server.Nodes.Get(node)),
        };
        _sections.Add(new Held(section, isWhole: which < 2));
    }

    private void EndOne()
    {
        if (_sections.Count > 0)
        {
            int which = random.Next(_sections.Count);
            _sections[which].Section.End();
            _sections.RemoveAt(which);
        }
    }

    /// <summary>
    /// In a section that is quiet, so that the change has nothing to wait for and the program is the same each time: filters come where the store is held, and
    /// go where everything is, since requests wait in front of a store that is held.
    /// </summary>
    private void Change()
    {
        bool isWhole = _sections.Exists(held => held.IsWhole && held.Section.IsQuiet);
        if (!isWhole && !_sections.Exists(held => held.Section.What == _storeId && held.Section.IsQuiet))
        {
            return;
        }

        GraphChanges changes = world.Server.Changes;
        Task<GraphChange> change = random.Next(3) switch
        {
            _ when !isWhole => changes.InsertAsync(_storeId, s_filters[random.Next(s_filters.Length)], deadlineNs: -1),
            0 when Inserted.Count > 0 => changes.RemoveAsync(Inserted[random.Next(Inserted.Count)], deadlineNs: -1),
            1 when Inserted.Count > 0 => changes.ReparentAsync("export:disk", $"@{_storeId}", deadlineNs: -1),
            _ when Inserted.Count < 6 => changes.InsertAsync(_storeId, s_filters[random.Next(s_filters.Length)], deadlineNs: -1),
            _ => changes.ReplaceAsync(Inserted[0], $"stats/@{_storeId}", deadlineNs: -1),
        };
        while (!change.IsCompleted)
        {
            world.Settle();
            Thread.Yield();
        }

        if (change.IsFaulted)
        {
            // What clients were promised stays: a change that would take it away is refused, and nothing has changed.
            Assert.IsType<BlockException>(change.Exception!.InnerException);
            return;
        }

        Inserted.RemoveAll(change.Result.Removed.Contains);
        Inserted.AddRange(change.Result.Added.Where(id => id != _storeId && !Inserted.Contains(id)));
    }

    private sealed class Held(DrainSection section, bool isWhole)
    {
        public DrainSection Section => section;

        /// <summary>It holds every way to the store, from the client on.</summary>
        public bool IsWhole => isWhole;

        /// <summary>How many requests the store had begun when the section was seen to be quiet.</summary>
        public int? StartsWhenQuiet { get; set; }
    }
}
