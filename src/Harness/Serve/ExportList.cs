using Harness.Nbd;

namespace Harness.Serve;

/// <summary>
/// The exports of a server: those with a chain of their own, and that of <c>--block</c>, under one name or none; and the nodes that they may share.
/// </summary>
internal sealed class ExportList : IDisposable
{
    private const string DefaultBlock = "memory:1G";

    private readonly List<NbdExport> _exports = [];

    /// <param name="options">What to serve.</param>
    /// <param name="uris">Where to listen; where there is one chain only, they may name it.</param>
    /// <param name="seeded">A regression on purpose, or null.</param>
    /// <exception cref="HarnessException">It cannot be served; the message is one line.</exception>
    public ExportList(ServeOptions options, IReadOnlyList<NbdUri> uris, string? seeded)
    {
        foreach (NodeOption node in options.Nodes)
        {
            Make($"--node {node.Id}={node.Chain}", () => Nodes.Add(node.Id, node.Chain, options.ReadOnly));
        }

        List<ExportOption> bare = [.. options.Exports.Where(export => export.Chain is null)];
        if (bare.Count > 1)
        {
            throw Usage($"--export {bare[0].Name} and --export {bare[1].Name} both name the chain of --block; give one of them a chain of its own, NAME=CHAIN");
        }

        if (options.Nodes.Count > 0 && options.Block is null && options.Exports.Count == bare.Count)
        {
            throw Usage($"--node {options.Nodes[0].Id} is served under no name; give --block @{options.Nodes[0].Id}, or --export NAME=@{options.Nodes[0].Id}");
        }

        bool hasBlock = options.Block is not null || options.Exports.Count == bare.Count;
        if (bare.Count == 1 && !hasBlock)
        {
            throw Usage($"--export {bare[0].Name} has no chain; write {bare[0].Name}=CHAIN, or give --block CHAIN");
        }

        if (hasBlock)
        {
            string name = bare.Count == 1 && bare[0].Name.Length > 0 ? bare[0].Name : options.Exports.Count == bare.Count ? uris[0].ExportName : string.Empty;
            string chain = options.Block ?? DefaultBlock;
            Add(new ExportOption(name, bare.Count == 1 ? bare[0].Description : null, chain), $"--block {chain}", options, seeded);
        }

        foreach (ExportOption export in options.Exports.Where(export => export.Chain is not null))
        {
            Add(export, $"--export {export.Name}={export.Chain}", options, seeded);
        }

        if (ByName is not null && options.Fill)
        {
            throw Usage("--fill needs exports that are there at the start, and clients name theirs here; write file=FILE");
        }

        CheckUris(uris);
    }

    /// <summary>The blocks that have IDs.</summary>
    public BlockNodes Nodes { get; } = new();

    /// <summary>What clients name themselves; null where they cannot.</summary>
    public ExportsByName? ByName { get; private set; }

    /// <summary>All of them; that of <c>--block</c> first.</summary>
    public IReadOnlyList<NbdExport> All => _exports;

    /// <summary>The name that a listener's URI shows: the one it was written with or, without one, that of the first export.</summary>
    public string NameFor(NbdUri uri) =>
        uri.ExportName.Length > 0 || ByName is not null || _exports.Exists(export => export.Name.Length == 0) ? uri.ExportName : _exports[0].Name;

    /// <summary>Closes the chains. Nothing may be in flight.</summary>
    public void Dispose()
    {
        ByName?.Dispose();
        _exports.ForEach(export => export.Graph.Dispose());
        Nodes.Dispose();
    }

    private void Add(ExportOption export, string what, ServeOptions options, string? seeded)
    {
        if (_exports.Exists(other => other.Name == export.Name))
        {
            throw Usage($"two exports have the name '{export.Name}'; clients could not tell them apart");
        }

        if (!ExportName.TryCheck(export.Name, out string error))
        {
            throw Usage($"--export: {error}");
        }

        if (Make(what, () => ExportsByName.LeavesOpen(export.Chain!)))
        {
            AddByName(export, what, options);
            return;
        }

        BlockGraph graph = Make(
            what, () => new BlockGraph(SeededRegression.Before(Nodes.Parse(export.Chain!, options.ReadOnly), seeded), options.ReadOnly, options.ThreadModel));
        _exports.Add(new NbdExport(export.Name, graph, export.Description ?? Description(graph)));
    }

    private void AddByName(ExportOption export, string what, ServeOptions options)
    {
        if (options.Exports.Any(given => given.Name.Length > 0 && given.Name == export.Name))
        {
            throw Usage($"{what}: the file is the client's to name, so the export can have no name '{export.Name}'; write file=FILE, or leave the name away");
        }

        ByName = ByName is null
            ? Make(what, () => new ExportsByName(export.Chain!, options.ReadOnly, options.ThreadModel))
            : throw Usage($"{what}: clients name what they want of one chain only");
    }

    private static T Make<T>(string what, Func<T> make)
    {
        try
        {
            return make();
        }
        catch (BlockException e)
        {
            throw new HarnessException(e.IsUsage ? ExitCode.Usage : ExitCode.Failed, $"{what}: {e.Message}", e);
        }
    }

    /// <summary>The chain, cut off where it is longer than a text may be in the protocol.</summary>
    private static string Description(BlockGraph graph)
    {
        string chain = graph.Describe();
        return System.Text.Encoding.UTF8.GetByteCount(chain) <= Limits.MaxStringBytes ? chain : $"{chain[..(Limits.MaxStringBytes / 4)]}…";
    }

    private void CheckUris(IReadOnlyList<NbdUri> uris)
    {
        foreach (NbdUri uri in uris)
        {
            if (uri.ExportName.Length > 0 && ByName is null && !_exports.Exists(export => export.Name == uri.ExportName))
            {
                string names = string.Join(", ", _exports.Select(export => $"'{export.Name}'"));
                throw Usage($"--listen {uri} names the export '{uri.ExportName}', but there is only {names}; name it with --export {uri.ExportName}");
            }
        }
    }

    private static HarnessException Usage(string message) => new(ExitCode.Usage, message);
}
