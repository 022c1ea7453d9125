using Harness.Ctl;
using Harness.Nbd;

namespace Harness.Serve;

/// <summary>The block graph of a server, as the control socket tells it.</summary>
internal sealed class ControlGraph(NbdServer server)
{
    public GraphDocument Document() => new()
    {
        Exports = [.. server.LiveExports.Select(Export)],
        Nodes = [.. server.Nodes.All.Select(Node)],
    };

    /// <summary>What goes through each export and node now and, where a time is given, within so long.</summary>
    public BlockStatsDocument Stats(System.Text.Json.JsonElement counters, TimeSpan? time)
    {
        IReadOnlyList<EdgeTraffic> traffic = time is { } observed ? server.Observer.ObserveAsync(observed).GetAwaiter().GetResult() : [];
        IReadOnlyDictionary<IBlock, NodeLoad> loads = server.Drains.CountAsync().GetAwaiter().GetResult();
        IReadOnlyList<NbdExport> exports = server.LiveExports;
        Dictionary<BlockGraph, long> inFlight = InFlight(exports);
        return new BlockStatsDocument
        {
            Server = counters,
            Seconds = time?.TotalSeconds,
            Exports = [.. exports.Select(export => new BlockTraffic
            {
                Id = export.Name,
                InFlight = inFlight[export.Graph],
                Waiting = 0,
                Commands = Commands(traffic.Where(edge => edge.Edge == export.Graph.Edge)),
            })],
            Nodes = [.. server.Nodes.All.Select(node => new BlockTraffic
            {
                Id = node.Id!,
                InFlight = loads.GetValueOrDefault(node.Block).InFlight,
                Waiting = loads.GetValueOrDefault(node.Block).Waiting,
                Commands = Commands(traffic.Where(edge => edge.Edge.Target == node.Block)),
            })],
        };
    }

    private static List<CommandTraffic> Commands(IEnumerable<EdgeTraffic> edges) =>
    [
        .. edges.SelectMany(edge => edge.Commands)
            .GroupBy(command => command.Key, command => command.Value)
            .OrderBy(command => command.Key)
            .Select(command => Command(command.Key, TrafficCounts.Sum(command))),
    ];

    private static CommandTraffic Command(NbdCommand command, TrafficCounts counts)
    {
        return new CommandTraffic
        {
            Command = command.Text(),
            Requests = counts.Requests,
            Bytes = (long)counts.Bytes,
            Errors = counts.Errors,
            LatencyUs = new BlockLatency
            {
                P50 = At(0.5),
                P90 = At(0.9),
                P99 = At(0.99),
                P999 = At(0.999),
                Max = counts.MaxNs / 1000.0,
                Histogram = [.. counts.Latencies.Select(latency => new BlockLatencyClass { UpTo = latency.UpToNs / 1000.0, Count = latency.Count })],
            },
        };

        double At(double share) => counts.PercentileNs(share) / 1000.0;
    }

    private GraphExport Export(NbdExport export) => new()
    {
        Name = export.Name,
        Top = BlockNode.Of(export.Graph.Top).Id!,
        SizeBytes = (long)export.Graph.Size,
        ReadOnly = (export.Graph.Capabilities & BlockCapabilities.ReadOnly) != 0,
        ThreadModel = export.Graph.ThreadModel.Text(),
        Clients = export.Graph.Clients,
        HeldBy = [.. server.Drains.Sections.Where(section => section.Holds(export.Graph.Edge)).Select(section => section.Reason)],
    };

    private GraphNode Node(BlockNode node) => new()
    {
        Id = node.Id!,
        Block = node.Block.Name,
        Text = node.Block is BlockFilter filter ? $"{filter.Name}{(filter.Parameters.Length > 0 ? ":" : string.Empty)}{filter.Parameters}" : node.Block.Describe(),
        Next = node.Next?.Id,
        CopiesTo = node.CopiesTo?.Id,
        SizeBytes = (long)node.Block.Size,
        IsOpen = node.IsOpen,
        HeldBy = [.. server.Drains.Sections.Where(section => section.Node == node).Select(section => section.Reason)],
    };

    /// <summary>Asked of each loop, whose thread writes it.</summary>
    private Dictionary<BlockGraph, long> InFlight(IReadOnlyList<NbdExport> exports)
    {
        var sums = exports.ToDictionary(export => export.Graph, _ => 0L);
        using var asked = new CountdownEvent(server.Loops.Count);
        foreach (ServerLoop loop in server.Loops)
        {
            loop.Loop.Post(() =>
            {
                lock (sums)
                {
                    foreach (NbdExport export in exports)
                    {
                        sums[export.Graph] += export.Graph.InFlightOn(loop.Blocks).Count;
                    }
                }

                asked.Signal();
            });
        }

        asked.Wait();
        return sums;
    }
}
