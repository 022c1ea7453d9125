using System.Runtime.CompilerServices;
using Harness.Io;

namespace Harness.Load;

/// <summary>A copy of a loop's submission queue entries by opcode. A value, since it is taken where allocations are counted.</summary>
internal readonly struct OpcodeCounts
{
    private const int Opcodes = 64;

    private readonly Counts _counts;

    public OpcodeCounts(ReadOnlySpan<long> counts) => counts[..Opcodes].CopyTo(_counts);

    /// <summary>These and those of another loop.</summary>
    public OpcodeCounts Plus(in OpcodeCounts other)
    {
        Counts sum = _counts;
        for (int opcode = 0; opcode < Opcodes; opcode++)
        {
            sum[opcode] += other._counts[opcode];
        }

        return new OpcodeCounts(sum);
    }

    /// <summary>What came to these since <paramref name="start"/>, per operation, by name; opcodes that were not used are left out.</summary>
    public IReadOnlyDictionary<string, double> PerOp(OpcodeCounts start, long ops)
    {
        var perOp = new Dictionary<string, double>();
        for (int opcode = 0; opcode < Opcodes; opcode++)
        {
            if (_counts[opcode] != start._counts[opcode])
            {
                perOp[Name(opcode)] = (_counts[opcode] - start._counts[opcode]) / (double)ops;
            }
        }

        return perOp;
    }

    /// <summary>As in <c>io_uring_enter(2)</c> without <c>IORING_OP_</c>; the number where this build has no name for it.</summary>
    public static string Name(int opcode) => ((RingOpcode)opcode).ToString();

    [InlineArray(Opcodes)]
    private struct Counts
    {
        private long _first;
    }
}
