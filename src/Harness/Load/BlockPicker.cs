namespace Harness.Load;

/// <summary>The order in which one connection visits the blocks of the export.</summary>
internal sealed class BlockPicker
{
    private readonly ulong _blocks;
    private readonly bool _sequential;
    private SplitMix64 _random;
    private ulong _next;

    /// <param name="pattern">Random or sequential.</param>
    /// <param name="blocks">Blocks in the export, 1 or more.</param>
    /// <param name="connection">Index of the connection: each begins elsewhere, and draws its own numbers.</param>
    /// <param name="connections">Connections in all.</param>
    /// <param name="seed">Fixes the order.</param>
    public BlockPicker(AccessPattern pattern, ulong blocks, int connection, int connections, ulong seed)
    {
        _blocks = blocks;
        _sequential = pattern == AccessPattern.Sequential;
        _random = new SplitMix64(new SplitMix64(seed + (ulong)connection).Next());
        _next = (ulong)((UInt128)blocks * (ulong)connection / (ulong)connections);
    }

    /// <summary>The next block.</summary>
    public ulong Next()
    {
        if (!_sequential)
        {
            return _random.Below(_blocks);
        }

        ulong block = _next;
        _next = After(block);
        return block;
    }

    /// <summary>The block after this one, round the end.</summary>
    public ulong After(ulong block) => block + 1 == _blocks ? 0 : block + 1;

    /// <summary>Whether the next request is a read, where this share of them is.</summary>
    public bool NextIsRead(int readPercent) => readPercent == 100 || (readPercent != 0 && _random.Below(100) < (ulong)readPercent);
}
