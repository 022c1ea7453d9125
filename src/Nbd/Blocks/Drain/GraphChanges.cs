namespace Harness.Nbd;

/// <summary>
/// Changes a server's graph while it serves. New blocks are made and opened first; then what the change touches is drained, changed and let go on. Changes are
/// done one after the other, in the order in which they were asked for. One that cannot be done leaves everything as it was.
/// </summary>
/// <remarks>
/// A change always begins a drained section of its own: inside one that is quiet already it has nothing to wait for. What clients were promised stays: the
/// size, every capability, block sizes no tighter. Any thread may call, loops and completions among them: the work is done elsewhere.
/// Where requests that would have to be waited for wait at a node further down, which a drain of someone else's holds, a change is refused at once: it could
/// be done only after the end of that drain. (QEMU's drain of a node holds what leads to it as well, so that nothing waits in between; here the filters above
/// go on, and a change above goes through whenever nothing waits in between.)
/// </remarks>
public sealed class GraphChanges
{
    /// <summary>How long a change waits for what is in flight unless it is told otherwise, in nanoseconds.</summary>
    public const long DefaultDeadlineNs = 5_000_000_000;

    private readonly BlockNodes _nodes;
    private readonly BlockDrains _drains;
    private readonly Lock _lock = new();
    private Task _last = Task.CompletedTask;

    internal GraphChanges(BlockNodes nodes, BlockDrains drains)
    {
        _nodes = nodes;
        _drains = drains;
    }

    /// <summary>Puts filters before a node, on all ways that lead to it.</summary>
    /// <param name="id">The node.</param>
    /// <param name="filters">As in a chain, without a store: <c>stats/delay:read=1ms</c>.</param>
    /// <param name="newId">The ID that the first of them gets; null to make one up.</param>
    /// <param name="deadlineNs">How long to wait for what is in flight; negative: without limit.</param>
    /// <exception cref="BlockException">Through the task: it cannot be done; the message is one line.</exception>
    public Task<GraphChange> InsertAsync(string id, string filters, string? newId = null, long deadlineNs = DefaultDeadlineNs) =>
        InTurn(() => PlanInsert(id, filters, newId), deadlineNs);

    /// <summary>As above, for a filter that is no chain's text: one that is there for a background job.</summary>
    internal Task<GraphChange> PutBeforeAsync(string id, Func<IBlock, BlockFilter> make, long deadlineNs = DefaultDeadlineNs) => InTurn(
        () =>
        {
            BlockNode node = _nodes.Get(id);
            return Ready(new ChangePlan { What = $"insert before {id}", Edges = WaysOfClients(node), Top = make(node.Block) });
        },
        deadlineNs);

    /// <summary>Takes a filter out; what led to it leads to what is behind it. A node that nobody leads to can be taken out as well.</summary>
    /// <inheritdoc cref="InsertAsync" path="/param"/>
    /// <exception cref="BlockException">Through the task: it cannot be done; the message is one line.</exception>
    public Task<GraphChange> RemoveAsync(string id, long deadlineNs = DefaultDeadlineNs) => InTurn(() => PlanRemove(id), deadlineNs);

    /// <summary>As above, for a background job at its end, which has time until the deadline whoever holds what.</summary>
    internal Task<GraphChange> RemoveOwnAsync(string id) => InTurn(() => PlanRemove(id), DefaultDeadlineNs, isPatient: true);

    /// <summary>As <see cref="ReplaceAsync"/>, for a background job at its end, which has time until the deadline whoever holds what.</summary>
    internal Task<GraphChange> ReplaceOwnAsync(string id, string chain) => InTurn(() => PlanReplace(id, chain), DefaultDeadlineNs, isPatient: true);

    /// <summary>
    /// Puts a chain in a node's place, on all ways that lead to it. The chain's first block takes over the ID, unless the node itself is in the chain.
    /// </summary>
    /// <param name="id">The node.</param>
    /// <param name="chain">A chain; it may end in <c>@ID</c>.</param>
    /// <param name="deadlineNs">How long to wait for what is in flight; negative: without limit.</param>
    /// <exception cref="BlockException">Through the task: it cannot be done; the message is one line.</exception>
    public Task<GraphChange> ReplaceAsync(string id, string chain, long deadlineNs = DefaultDeadlineNs) => InTurn(() => PlanReplace(id, chain), deadlineNs);

    /// <summary>Has one filter or one export lead to a chain; other ways to what it led to before stay.</summary>
    /// <param name="parent">The ID of the filter, or <c>export:NAME</c>.</param>
    /// <param name="chain">A chain; it may be just <c>@ID</c>.</param>
    /// <param name="deadlineNs">How long to wait for what is in flight; negative: without limit.</param>
    /// <exception cref="BlockException">Through the task: it cannot be done; the message is one line.</exception>
    public Task<GraphChange> ReparentAsync(string parent, string chain, long deadlineNs = DefaultDeadlineNs) =>
        InTurn(() => PlanReparent(parent, chain), deadlineNs);

    /// <summary>Has something done between two changes, when those that were asked for before are through.</summary>
    internal async Task DoInTurn(Action act)
    {
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Task before;
        lock (_lock)
        {
            (before, _last) = (_last, ended.Task);
        }

        await before.ConfigureAwait(false);
        try
        {
            await Task.Run(act).ConfigureAwait(false);
        }
        finally
        {
            ended.SetResult();
        }
    }

    private async Task<GraphChange> InTurn(Func<ChangePlan> plan, long deadlineNs, bool isPatient = false)
    {
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Task before;
        lock (_lock)
        {
            (before, _last) = (_last, ended.Task);
        }

        try
        {
            await before.ConfigureAwait(false);

            // Never on a loop's thread, which opening a file or a connection would hold up.
            ChangePlan ready = await Task.Run(plan).ConfigureAwait(false);
            return await Carry(ready, deadlineNs, isPatient).ConfigureAwait(false);
        }
        finally
        {
            ended.SetResult();
        }
    }

    private async Task<GraphChange> Carry(ChangePlan plan, long deadlineNs, bool isPatient)
    {
        var options = new DrainOptions { Reason = plan.What, DeadlineNs = deadlineNs, GivesUpWhereHeld = !isPatient };
        DrainSection[] sections = [.. plan.Edges.Select(edge => _drains.Begin(edge, options))];
        try
        {
            long quietNs = 0;
            foreach (DrainSection section in sections)
            {
                DrainOutcome outcome = await section.Done.ConfigureAwait(false);
                quietNs = Math.Max(quietNs, outcome.TookNs);
                if (!outcome.IsQuiet)
                {
                    throw plan.Refused(string.Join("; ", outcome.Report));
                }
            }

            var swap = new GraphSwap(plan, _nodes, _drains);
            swap.Do();
            TellSummaries(swap.Removed);
            Array.ForEach(sections, section => section.End());
            Task disposed = RemovedBlocks.Dispose(swap.Removed, _drains);
            return new GraphChange([.. swap.Added.Select(node => node.Id!)], [.. swap.Removed.Select(node => node.Id!)], quietNs, disposed);
        }
        catch
        {
            // The new blocks may have stood in the graph for a moment, in which another loop may have begun to ask them something.
            Array.ForEach(sections, section => section.End());
            BlockNode top = BlockNode.Of(plan.Top);
            _ = RemovedBlocks.Dispose(top.IsUnneeded ? [top] : [], _drains);
            throw;
        }
    }

    /// <summary>What filters that go have seen is told now: nobody has them when the server ends. Nothing is in flight in them.</summary>
    private void TellSummaries(IReadOnlyList<BlockNode> removed)
    {
        foreach (string line in removed.Select(node => node.Block).OfType<BlockFilter>().SelectMany(filter => filter.Summary()))
        {
            _drains.Loops[0].Log(line);
        }
    }

    private ChangePlan PlanInsert(string id, string filters, string? newId)
    {
        BlockNode node = _nodes.Get(id);
        if (newId is not null)
        {
            _nodes.CheckNew(newId);
        }

        // A name that is neither a filter's nor a store's is found out when the chain is read.
        string store = BlockChain.Split($"{filters}/").Store;
        if (store.Length > 0 && (store[0] == '@' || StoreCatalog.All.Any(kind => kind.Name == store.Split(':', '/')[0])))
        {
            const string Remedy = "write for example delay:read=1ms, or use replace for a chain with a store";
            throw new BlockException($"insert: '{filters}' is not filters alone; {Remedy}") { IsUsage = true };
        }

        IBlock top = _nodes.Parse($"{filters}/@{id}");
        return Ready(new ChangePlan { What = $"insert before {id}", Edges = WaysOfClients(node), Top = top, Id = newId });
    }

    /// <summary>What leads to a node but for background jobs, whose requests are for that node and no filter before it.</summary>
    private BlockEdge[] WaysOfClients(BlockNode node)
    {
        IReadOnlyList<BlockGraph> jobs = _nodes.Sources;
        return [.. node.Parents.Where(edge => edge.Graph is not { } graph || !jobs.Contains(graph))];
    }

    private ChangePlan PlanRemove(string id)
    {
        BlockNode node = _nodes.Get(id);
        var plan = new ChangePlan { What = $"remove {id}", Edges = node.Parents, Top = (node.Block as BlockFilter)?.Next ?? node.Block, Gone = node };
        if (node.Block is not BlockFilter && plan.Edges.Count > 0)
        {
            throw plan.Refused($"it is a store, and {plan.Edges[0].OwnerName} leads to it; use replace");
        }

        plan.Check();
        return plan;
    }

    private ChangePlan PlanReplace(string id, string chain)
    {
        BlockNode node = _nodes.Get(id);
        IReadOnlyList<BlockEdge> edges = node.Parents;
        IBlock top = _nodes.Parse(chain, edges.Count > 0 && edges.All(OnlyReads));
        bool stays = false;
        for (BlockNode? next = BlockNode.Of(top); next is not null; next = next.Next)
        {
            stays |= next == node;
        }

        return Ready(new ChangePlan { What = $"replace {id}", Edges = edges, Top = top, Gone = stays ? null : node, Id = stays ? null : id });
    }

    private ChangePlan PlanReparent(string parent, string chain)
    {
        const string Export = "export:";
        BlockEdge edge;
        if (parent.StartsWith(Export, StringComparison.Ordinal))
        {
            edge = _nodes.GetExport(parent[Export.Length..]).Edge;
        }
        else
        {
            edge = _nodes.Get(parent).Block.Behind
                ?? throw new BlockException($"'{parent}' is a store, which leads nowhere") { IsUsage = true };
        }

        return Ready(new ChangePlan { What = $"reparent {parent}", Edges = [edge], Top = _nodes.Parse(chain, OnlyReads(edge)) });
    }

    /// <summary>Nothing writes by this edge, so that what is opened for it is opened for reading only.</summary>
    private static bool OnlyReads(BlockEdge edge)
    {
        if (edge.Filter is not { } filter)
        {
            return edge.Graph!.IsReadOnly;
        }

        IReadOnlyList<BlockEdge> parents = BlockNode.Of(filter).Parents;
        return FilterCatalog.All.Any(kind => kind.Name == filter.Name && kind.OnlyReadsNext) || (parents.Count > 0 && parents.All(OnlyReads));
    }

    /// <summary>Checks the plan and opens its blocks; where either fails, they are gone again.</summary>
    private static ChangePlan Ready(ChangePlan plan)
    {
        try
        {
            plan.Check();
            BlockNode.Of(plan.Top).TryOpen();
            return plan;
        }
        catch (IOException e)
        {
            BlockNode.Of(plan.Top).DisposeIfUnneeded();
            throw e is BlockException ? e : plan.Refused(e.Message);
        }
    }
}
