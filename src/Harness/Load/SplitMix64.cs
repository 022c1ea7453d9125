namespace Harness.Load;

/// <summary>
/// A pseudo-random sequence with one word of state (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014): the same seed
/// gives the same offsets on every run and machine.
/// </summary>
internal struct SplitMix64(ulong seed)
{
    private ulong _state = seed;

    public ulong Next()
    {
        _state += 0x9E3779B97F4A7C15;
        ulong z = _state;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    /// <summary>A number below <paramref name="bound"/>; its bias is below bound / 2^64.</summary>
    public ulong Below(ulong bound) => Math.BigMul(Next(), bound, out _);

    /// <summary>A number with an exponential distribution of mean 1: the logarithm of one that is even in (0, 1], so 36.7 is the largest.</summary>
    public double NextExponential() => -Math.Log(NextUnit());

    /// <summary>A number that is even in (0, 1], with 53 bits.</summary>
    public double NextUnit() => ((Next() >> 11) + 1) * (1.0 / (1UL << 53));

    /// <summary>Fills memory with words of the sequence.</summary>
    public void Fill(Span<ulong> words)
    {
        for (int i = 0; i < words.Length; i++)
        {
            words[i] = Next();
        }
    }
}
