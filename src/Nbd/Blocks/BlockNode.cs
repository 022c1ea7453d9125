using System.Runtime.CompilerServices;

namespace Harness.Nbd;

/// <summary>
/// What the graph knows of a block: its ID, who leads to it, and whether it is open. Several parents may share a block, which is opened for the first of them
/// and disposed of after the last. Any thread may use it.
/// </summary>
public sealed class BlockNode
{
    // Beside the blocks rather than in them, so that whoever writes a block need not know of it.
    private static readonly ConditionalWeakTable<IBlock, BlockNode> s_nodes = [];

    private readonly Lock _openLock = new();
    private readonly List<BlockEdge> _parents = [];
    private bool _isOpen;
    private bool _isGone;

    private BlockNode(IBlock block)
    {
        Block = block;
    }

    /// <summary>The block.</summary>
    public IBlock Block { get; }

    /// <summary>By what people name it; fixed once it has been given. Null where the block is in no server's graph.</summary>
    public string? Id { get; internal set; }

    /// <summary>True where it was made with an ID of its own: it stays when its last parent goes, until it is removed.</summary>
    public bool IsKept { get; internal set; }

    /// <summary>The node behind it; null for a store that stands on no other block.</summary>
    public BlockNode? Next => Block.Behind is { } edge ? Of(edge.Target) : null;

    /// <summary>The node to which a background job copies what is behind this one; null where this is not the filter of one.</summary>
    public BlockNode? CopiesTo => Block is CopyFilter copy ? Of(copy.TargetEdge.Target) : null;

    /// <summary>Whether anyone has opened it.</summary>
    public bool IsOpen => Volatile.Read(ref _isOpen);

    /// <summary>The edges that lead to it now.</summary>
    public IReadOnlyList<BlockEdge> Parents
    {
        get
        {
            lock (_parents)
            {
                return [.. _parents];
            }
        }
    }

    /// <summary>The node of a block; always the same.</summary>
    public static BlockNode Of(IBlock block) => s_nodes.GetValue(block, made => new BlockNode(made));

    /// <summary>For messages: the block's ID, or its name where it has none.</summary>
    public static string NameOf(IBlock block) => s_nodes.TryGetValue(block, out BlockNode? node) && node.Id is { } id ? id : block.Name;

    /// <summary>Opens the block at the first call. Returns false where it has been disposed of.</summary>
    internal bool TryOpen()
    {
        lock (_openLock)
        {
            if (!_isOpen && !_isGone)
            {
                Block.Open();
                _isOpen = true;
            }

            return !_isGone;
        }
    }

    internal void AddParent(BlockEdge edge)
    {
        lock (_parents)
        {
            _parents.Add(edge);
        }
    }

    internal void RemoveParent(BlockEdge edge)
    {
        lock (_parents)
        {
            _parents.Remove(edge);
        }
    }

    /// <summary>Nobody leads to it, and nobody keeps it.</summary>
    internal bool IsUnneeded
    {
        get
        {
            lock (_parents)
            {
                return _parents.Count == 0 && !IsKept;
            }
        }
    }

    internal void DisposeIfUnneeded()
    {
        if (IsUnneeded)
        {
            Dispose();
        }
    }

    /// <summary>Disposes of the block, once.</summary>
    internal void Dispose()
    {
        lock (_openLock)
        {
            if (_isGone)
            {
                return;
            }

            _isGone = true;
        }

        Block.Dispose();
    }
}
