namespace Harness.Nbd;

/// <summary>
/// Exports that come into being when a client asks for them: a chain whose store leaves it to the export's name what it serves. One export for each name,
/// shared by all clients that are there, and gone when the last of them is; what the stores have in common stays open meanwhile. Any thread may use it.
/// </summary>
/// <remarks>
/// Names come from the wire, and looking one up may wait for a disk. So it is done by a thread of the pool, one name after the other, however many clients ask:
/// each client may ask for one at a time, and holds at most one.
/// </remarks>
public sealed class ExportsByName : IDisposable
{
    private readonly Dictionary<string, Entry> _entries = new(StringComparer.Ordinal);
    private readonly string _chain;
    private readonly bool _readOnly;
    private readonly ThreadModel? _threadModel;
    private readonly IDisposable _held;
    private readonly BlockGraph? _behind;
    private BlockNodes _nodes = null!;
    private BlockDrains _drains = null!;
    private GraphChanges _changes = null!;
    private Task _last = Task.CompletedTask;
    private int _closing;
    private bool _isOver;

    /// <summary>Opens what all exports will need.</summary>
    /// <param name="chain">A chain for which <see cref="LeavesOpen"/> holds.</param>
    /// <param name="readOnly">Refuse every change.</param>
    /// <param name="threadModel">A thread model no looser than the chain's; null for the chain's own.</param>
    /// <exception cref="IOException">It cannot be had; the message is one line.</exception>
    public ExportsByName(string chain, bool readOnly, ThreadModel? threadModel = null)
    {
        _chain = chain;
        _readOnly = readOnly;
        _threadModel = threadModel;
        (StoreKind kind, string text, bool readsOnly) = BlockChain.OpenStoreOf(chain, readOnly)
            ?? throw new ArgumentException("the chain leaves nothing to the name of an export", nameof(chain));
        _held = kind.ByName!.Hold(text, readsOnly, out _behind);
    }

    /// <summary>True where a chain's store leaves it to the name of the export what is served.</summary>
    /// <exception cref="BlockException">The store's text is not right.</exception>
    public static bool LeavesOpen(string chain) => BlockChain.OpenStoreOf(chain, readOnly: false) is not null;

    /// <summary>The exports that there are now, by their names.</summary>
    public IReadOnlyList<NbdExport> Live
    {
        get
        {
            lock (_entries)
            {
                return [.. _entries.Values.Where(entry => entry.Made.IsCompletedSuccessfully).Select(entry => entry.Made.Result)];
            }
        }
    }

    /// <summary>Closes what is left. Nothing may be in flight.</summary>
    public void Dispose()
    {
        Entry[] left;
        lock (_entries)
        {
            _isOver = true;
            left = [.. _entries.Values];
            _entries.Clear();
            while (_closing > 0)
            {
                Monitor.Wait(_entries);
            }
        }

        foreach (Entry entry in left)
        {
            ((Task)entry.Made).ContinueWith(_ => { }, TaskScheduler.Default).Wait();
            if (entry.Made.IsCompletedSuccessfully)
            {
                entry.Made.Result.Graph.Dispose();
            }
        }

        _held.Dispose();
    }

    /// <summary>A server takes it up: its exports go into the server's graph.</summary>
    internal void Attach(BlockNodes nodes, BlockDrains drains, GraphChanges changes)
    {
        _nodes = nodes;
        _drains = drains;
        _changes = changes;
        if (_behind is not null)
        {
            _behind.IsKept = true;
            nodes.Adopt(_behind.Top, id: null);
        }
    }

    /// <summary>A client asks for a name. Where it gets an export, it gives that back by <see cref="Leave"/>.</summary>
    /// <exception cref="IOException">Through the task: there is none.</exception>
    internal async Task<NbdExport> EnterAsync(string name)
    {
        Entry? entry;
        lock (_entries)
        {
            ObjectDisposedException.ThrowIf(_isOver, this);
            if (!_entries.TryGetValue(name, out entry))
            {
                entry = new Entry(MakeAfter(_last, name));
                _last = entry.Made;
                _entries.Add(name, entry);
            }

            entry.Users++;
        }

        try
        {
            return await entry.Made.ConfigureAwait(false);
        }
        catch
        {
            lock (_entries)
            {
                Forget(name, entry);
            }

            throw;
        }
    }

    /// <summary>A client needs its export no more: nothing of it is in flight.</summary>
    internal void Leave(NbdExport export)
    {
        lock (_entries)
        {
            if (_entries.TryGetValue(export.Name, out Entry? entry) && --entry.Users == 0)
            {
                // Between two changes of the graph, so that none works on blocks that are gone.
                _ = _changes.DoInTurn(() => End(export, entry));
            }
        }
    }

    private async Task<NbdExport> MakeAfter(Task before, string name)
    {
        await before.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ForceYielding);
        IBlock top = BlockChain.ParseByName(_chain, _readOnly, name);
        BlockGraph graph;
        try
        {
            graph = new BlockGraph(top, _readOnly, _threadModel);
        }
        catch
        {
            top.Dispose();
            throw;
        }

        try
        {
            graph.Open();
            _drains.AddExport(name, graph);
            return new NbdExport(name, graph);
        }
        catch
        {
            graph.Dispose();
            throw;
        }
    }

    private void End(NbdExport export, Entry entry)
    {
        lock (_entries)
        {
            // Another client may have come meanwhile, and the server may be over.
            if (_isOver || entry.Users > 0 || !Forget(export.Name, entry))
            {
                return;
            }

            _closing++;
        }

        try
        {
            lock (_drains.Sync)
            {
                _nodes.RemoveExport(export.Graph);
            }

            export.Graph.Dispose();
        }
        finally
        {
            lock (_entries)
            {
                _closing--;
                Monitor.PulseAll(_entries);
            }
        }
    }

    private bool Forget(string name, Entry entry) => _entries.TryGetValue(name, out Entry? known) && known == entry && _entries.Remove(name);

    private sealed class Entry(Task<NbdExport> made)
    {
        public Task<NbdExport> Made { get; } = made;

        public int Users { get; set; }
    }
}
