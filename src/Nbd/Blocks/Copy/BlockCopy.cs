using Harness.Io;

namespace Harness.Nbd;

/// <summary>
/// A background job: copies what a node holds to a new chain while clients read and write it, then has the chain take the node's place in a drained section.
/// While it goes on, a filter before the node has every change of what is copied already copied again, so at the end both hold the same.
/// </summary>
/// <remarks>
/// It is a source of requests like an export: what holds the node, or all, holds it, and what it has in flight is waited for. Its requests are of the server's
/// first loop. One that is cancelled or fails takes out all that it has brought, and the node serves on. One that has copied everything and only could not
/// take the node's place, since something was in flight for too long, stays as it is, changes going to both, until it is tried again or its filter removed.
/// </remarks>
public sealed class BlockCopy : IBlockRequestOwner
{
    // Enough to keep a file or a network busy, and little beside what clients have in flight.
    private const int Depth = 4;
    private const ulong RegionBytes = 1 << 20;

    private readonly BlockNodes _nodes;
    private readonly BlockDrains _drains;
    private readonly GraphChanges _changes;
    private readonly BlockLoop _home;
    private readonly BlockNode _source;
    private readonly BlockNode _target;
    private readonly IBlock _store;
    private readonly Action _pump;
    private readonly TaskCompletionSource _copied = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private CopyFilter _filter = null!;
    private BlockGraph _way = null!;
    private ulong _next;
    private int _inFlight;
    private bool _flushed;
    private volatile bool _cancelled;
    private volatile bool _isReady;

    private BlockCopy(BlockNodes nodes, BlockDrains drains, GraphChanges changes, BlockLoop home, BlockNode source, BlockNode target)
    {
        _nodes = nodes;
        _drains = drains;
        _changes = changes;
        _home = home;
        _source = source;
        _target = target;
        _store = StoreOf(source.Block);
        _pump = Pump;
        NewNode = target.Id!;
    }

    /// <summary>The ID of the chain that the bytes are copied to.</summary>
    public string NewNode { get; }

    /// <summary>Bytes to copy.</summary>
    public ulong Size => _target.Block.Size;

    /// <summary>Bytes copied so far. Any thread may ask.</summary>
    public ulong Copied => _filter.Copied;

    /// <summary>The ID of the node that is copied.</summary>
    public string Node => _source.Id!;

    /// <summary>
    /// Completes with the change that put the chain into the node's place. Fails with a <see cref="BlockException"/> where the copy has failed or was
    /// cancelled, and everything is as it was before then; or where it could not take the node's place and <see cref="IsReady"/> says so.
    /// </summary>
    public Task<GraphChange> Done { get; private set; } = null!;

    /// <summary>All is copied and is kept up to date, and <see cref="SwitchAsync"/> may be tried. Any thread may ask.</summary>
    public bool IsReady => _isReady && IsWhole;

    /// <summary>Ends it before its end; <see cref="Done"/> tells when. Any thread; where the chain takes the node's place already, it is too late.</summary>
    public void Cancel() => _cancelled = true;

    /// <summary>Has the chain take the node's place, after a copy that was ready and could not.</summary>
    /// <returns>As <see cref="Done"/>.</returns>
    /// <exception cref="BlockException">Through the task: it could not again, or the copy is no longer whole and is gone.</exception>
    public async Task<GraphChange> SwitchAsync()
    {
        if (Problem() is { } problem)
        {
            await DiscardAsync().ConfigureAwait(false);
            throw new BlockException($"copy of {Node}: {problem}");
        }

        try
        {
            bool keeps = _source.IsKept;
            GraphChange change = await _changes.ReplaceOwnAsync(FilterId, $"@{NewNode}").ConfigureAwait(false);
            _isReady = false;
            _target.IsKept = keeps;
            return change;
        }
        catch (BlockException e)
        {
            if (_cancelled)
            {
                await DiscardAsync().ConfigureAwait(false);
                throw;
            }

            _isReady = true;
            throw new BlockException(
                $"copy of {Node}: all is copied, but {NewNode} could not take its place: {e.Message}; {Node} serves on, and changes go to both: "
                + $"try again with 'copy {Node} @{NewNode}', or give up with 'remove {FilterId}'");
        }
    }

    /// <inheritdoc/>
    void IBlockRequestOwner.OnRequestCompleted(BlockRequest request)
    {
        _inFlight--;
        request.Release();

        // Posted, since blocks may complete within the start, and each would be one call deeper than the last.
        _home.Loop.Post(_pump);
    }

    /// <summary>Makes the chain and begins.</summary>
    internal static async Task<BlockCopy> StartAsync(
        BlockNodes nodes, BlockDrains drains, GraphChanges changes, BlockLoop home, string node, string chain, string? newId)
    {
        BlockNode source = nodes.Get(node);
        BlockNode target = await Task.Run(() => nodes.Add(newId ?? FreeId(nodes, node), chain)).ConfigureAwait(false);
        var copy = new BlockCopy(nodes, drains, changes, home, source, target);
        try
        {
            Check(source, target);
            GraphChange inserted = await changes.PutBeforeAsync(node, next => copy._filter = new CopyFilter(next, target, copy)).ConfigureAwait(false);
            copy._way = new BlockGraph(nodes.Get(inserted.Added[0]).Block);
            ThreadModels.JoinTurns(copy._way);
            drains.AddSource(copy._way);
        }
        catch
        {
            await changes.RemoveAsync(copy.NewNode).ConfigureAwait(false);
            throw;
        }

        copy.Done = copy.RunAsync();
        home.Loop.Post(copy._pump);
        return copy;
    }

    private string FilterId => BlockNode.Of(_filter).Id!;

    // Whoever takes out or replaces what is being copied ends the copy by it.
    private bool IsWhole => _filter.Copied == Size && StoreOf(_filter.Next) == _store
        && _nodes.All.Contains(BlockNode.Of(_filter)) && _nodes.All.Contains(_target) && _filter.TargetEdge.Target == _target.Block;

    private static string FreeId(BlockNodes nodes, string node)
    {
        HashSet<string?> taken = [.. nodes.All.Select(other => other.Id)];
        return Enumerable.Range(1, int.MaxValue).Select(number => $"{node}-copy{(number == 1 ? string.Empty : number)}").First(id => !taken.Contains(id));
    }

    /// <summary>What can be known before anything is copied of whether the chain may take the node's place.</summary>
    private static void Check(BlockNode source, BlockNode target)
    {
        string what = $"copy {source.Id} to {target.Block.Describe()}";
        BlockSizeConstraints from = source.Block.Constraints;
        BlockSizeConstraints to = target.Block.Constraints;
        string? problem = null;
        if (target.Block.Size != source.Block.Size)
        {
            problem = $"that has {target.Block.Size} bytes, and {source.Id} has {source.Block.Size}; the size must be the same";
        }
        else if ((target.Block.Capabilities & BlockCapabilities.ReadOnly) != 0)
        {
            problem = "that is read-only";
        }
        else if (to.Minimum > from.Minimum || to.MaximumPayload < from.MaximumPayload)
        {
            problem = $"its block sizes ({to.Minimum} to {to.MaximumPayload}) are tighter than those of {source.Id} ({from.Minimum} to {from.MaximumPayload})";
        }
        else if (source.Parents.Count == 0)
        {
            problem = $"nothing leads to {source.Id}, whose place it is to take";
        }
        else if (source.Parents.SelectMany(ChangePlan.ExportsOf).FirstOrDefault(export => export.WouldLose(source.Block, target.Block) != 0) is { } export)
        {
            problem = $"clients of export '{export.ExportName}' were promised {export.WouldLose(source.Block, target.Block)}, which it does not have";
        }

        if (problem is not null)
        {
            throw new BlockException($"{what}: {problem}");
        }
    }

    private static IBlock StoreOf(IBlock block) => block is BlockFilter filter ? StoreOf(filter.Next) : block;

    /// <summary>Starts what may be in flight. On the loop's thread.</summary>
    private void Pump()
    {
        bool ends = _cancelled || _filter.Trouble is not null;
        while (!ends && _next < Size && _inFlight < Depth)
        {
            ulong length = Math.Min(RegionBytes, Size - _next);
            _filter.Cursor = _next + length;
            (ulong offset, _next) = (_next, _next + length);
            Start(NbdCommand.Cache, offset, length);
        }

        if (_inFlight > 0)
        {
            return;
        }

        if (!ends && _next == Size && !_flushed)
        {
            _flushed = true;
            Start(NbdCommand.Flush, 0, 0);
        }
        else
        {
            _copied.TrySetResult();
        }
    }

    private void Start(NbdCommand command, ulong offset, ulong length)
    {
        _inFlight++;
        BlockRequest request = _home.Rent(this);
        request.Command = command;
        request.Flags = NbdCommandFlags.None;
        request.Offset = offset;
        request.Length = length;

        // Checked by whoever made it: no client can ask this of the filter.
        _way.StartChecked(request);
    }

    private async Task<GraphChange> RunAsync()
    {
        await _copied.Task.ConfigureAwait(false);
        try
        {
            return await SwitchAsync().ConfigureAwait(false);
        }
        finally
        {
            _nodes.RemoveSource(_way);
        }
    }

    /// <summary>Takes out what it has brought.</summary>
    private async Task DiscardAsync()
    {
        _isReady = false;
        if (_nodes.All.Contains(BlockNode.Of(_filter)))
        {
            await _changes.RemoveOwnAsync(FilterId).ConfigureAwait(false);
        }

        // Where somebody has begun to use it, it stays.
        _filter.TargetEdge.Leave();
        if (_target.Parents.Count == 0 && _nodes.All.Contains(_target))
        {
            await _changes.RemoveOwnAsync(NewNode).ConfigureAwait(false);
        }
    }

    private string? Problem()
    {
        if (_cancelled)
        {
            return "it was cancelled";
        }

        if (_filter.Trouble is { } trouble)
        {
            return trouble;
        }

        return IsWhole ? null : "the graph was changed where it was copied; begin again";
    }
}
