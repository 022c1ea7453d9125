namespace Harness.Matrix;

/// <summary>
/// The order of measurement: every round visits each cell once, in an order of its own drawn from the seed, so that drift of the machine
/// (heat, neighbours) falls on all cells alike and a cell does not always follow the same other one.
/// </summary>
internal static class Interleave
{
    /// <summary>The cells of one round, in order. The same seed and round give the same order on every machine and .NET version.</summary>
    public static T[] Round<T>(IReadOnlyList<T> cells, ulong seed, int round)
    {
        var order = cells.ToArray();
        var state = seed + ((ulong)round * 0xD1B54A32D192ED03);
        for (var i = order.Length - 1; i > 0; i--)
        {
            // The modulo's bias is below 2^-50 for any matrix that a person would wait for.
            var j = (int)(SplitMix64(ref state) % (ulong)(i + 1));
            (order[i], order[j]) = (order[j], order[i]);
        }
        return order;
    }

    /// <summary>Vigna's SplitMix64: fixed by its definition, unlike <see cref="Random"/>, whose sequence is the runtime's own affair.</summary>
    private static ulong SplitMix64(ref ulong state)
    {
        state += 0x9E3779B97F4A7C15;
        var z = state;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
