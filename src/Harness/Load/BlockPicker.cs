using System.Numerics;

namespace Harness.Load;

/// <summary>The order in which one connection visits the blocks of the export.</summary>
internal sealed class BlockPicker
{
    private readonly ulong _blocks;
    private readonly AccessPattern _pattern;
    private readonly ZipfRanks? _zipf;
    private readonly ulong _stride;
    private readonly ulong _hottest;
    private SplitMix64 _random;
    private ulong _next;

    /// <param name="pattern">Random, sequential or Zipf.</param>
    /// <param name="blocks">Blocks in the export, 1 or more.</param>
    /// <param name="connection">Index of the connection: each begins elsewhere, and draws its own numbers.</param>
    /// <param name="connections">Connections in all.</param>
    /// <param name="seed">Fixes the order and, with Zipf, which blocks are hot: the same ones for all connections.</param>
    /// <param name="zipfTheta">The exponent, where the pattern is Zipf.</param>
    public BlockPicker(AccessPattern pattern, ulong blocks, int connection, int connections, ulong seed, double zipfTheta = 0)
    {
        _blocks = blocks;
        _pattern = pattern;
        _random = new SplitMix64(new SplitMix64(seed + (ulong)connection).Next());
        _next = (ulong)((UInt128)blocks * (ulong)connection / (ulong)connections);
        if (pattern == AccessPattern.Zipf)
        {
            _zipf = new ZipfRanks(blocks, zipfTheta);
            _hottest = new SplitMix64(seed).Below(blocks);
            _stride = CoprimeStride(blocks);
        }
    }

    /// <summary>The next block.</summary>
    public ulong Next()
    {
        switch (_pattern)
        {
            case AccessPattern.Random:
                return _random.Below(_blocks);
            case AccessPattern.Zipf:
                // Neighbours in rank lie far apart, or a hot set would be one sequential run; a stride without a common factor reaches every block once.
                return (ulong)((((UInt128)(_zipf!.Next(ref _random) - 1) * _stride) + _hottest) % _blocks);
            default:
                ulong block = _next;
                _next = After(block);
                return block;
        }
    }

    /// <summary>The block after this one, round the end.</summary>
    public ulong After(ulong block) => block + 1 == _blocks ? 0 : block + 1;

    /// <summary>Whether the next request is a read, where this share of them is.</summary>
    public bool NextIsRead(int readPercent) => readPercent == 100 || (readPercent != 0 && _random.Below(100) < (ulong)readPercent);

    /// <summary>A number from 0 to 99.</summary>
    public ulong NextPercent() => _random.Below(100);

    // The golden section scatters any number of neighbours about evenly.
    private static ulong CoprimeStride(ulong blocks)
    {
        ulong stride = Math.Max(1, (ulong)(blocks * 0.6180339887498949));
        while (BigInteger.GreatestCommonDivisor(stride, blocks) != 1)
        {
            stride++;
        }

        return stride;
    }
}
