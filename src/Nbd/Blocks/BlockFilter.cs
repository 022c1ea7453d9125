namespace Harness.Nbd;

/// <summary>
/// A block that stands before another: it does its own thing, then the next. As written here it changes nothing, and a filter overrides what it is there for.
/// It owns the next block, unless others lead to that too.
/// </summary>
/// <remarks>
/// A filter ends a request in one of three ways: it passes the request itself on (<see cref="Pass"/>), it completes it, or it makes children
/// (<see cref="BlockRequest.MakeChild"/>), starts them on the next block and completes the request when they are done.
/// </remarks>
public abstract class BlockFilter : IBlock
{
    /// <summary>A filter that is not in a graph yet.</summary>
    /// <param name="next">The block behind it, on the way to the store.</param>
    protected BlockFilter(IBlock next)
    {
        NextEdge = new BlockEdge(this, next);
    }

    /// <summary>The block behind this one: another one after a change of the graph, with the same size.</summary>
    public IBlock Next => NextEdge.Target;

    /// <summary>The way there, by which requests go on.</summary>
    public BlockEdge NextEdge { get; }

    /// <inheritdoc/>
    public BlockEdge? Behind => NextEdge;

    /// <inheritdoc/>
    public abstract string Name { get; }

    /// <inheritdoc/>
    public virtual ulong Size => Next.Size;

    /// <inheritdoc/>
    public virtual BlockCapabilities Capabilities => Next.Capabilities;

    /// <inheritdoc/>
    public virtual BlockSizeConstraints Constraints => Next.Constraints;

    /// <inheritdoc/>
    /// <remarks>Its own, whatever stands behind it.</remarks>
    public virtual ThreadModel ThreadModel => ThreadModel.Parallel;

    /// <summary>What was written for it, in a chain's text: <c>read=1ms,write=2ms</c>; empty where nothing was.</summary>
    public string Parameters { get; init; } = string.Empty;

    /// <inheritdoc/>
    public string Describe() => $"{Name}{(Parameters.Length > 0 ? ":" : string.Empty)}{Parameters}/{Next.Describe()}";

    /// <inheritdoc/>
    public virtual void Open() => NextEdge.Open();

    /// <inheritdoc/>
    public virtual void Start(BlockRequest request) => Pass(request);

    /// <summary>For who stops the server: lines about what it has seen, each without its end. After the last request.</summary>
    public virtual IEnumerable<string> Summary() => [];

    /// <summary>Frees what it holds, then the next block where nobody else needs that. Nothing may be in flight.</summary>
    public void Dispose()
    {
        Free();
        NextEdge.LetGo();
        GC.SuppressFinalize(this);
    }

    /// <summary>Frees what this filter itself holds.</summary>
    protected virtual void Free()
    {
    }

    /// <summary>The next block's turn: it completes the request in our place.</summary>
    protected void Pass(BlockRequest request) => request.PassTo(NextEdge);
}
