using System.Runtime.InteropServices;
using Harness.Io.Native;

namespace Harness.Io;

/// <summary>
/// On which CPU a thread runs. A loop that is measured stays on one: moving to another costs its caches, and where it moves is the scheduler's affair. See
/// sched_setaffinity(2).
/// </summary>
public static class ThreadCpu
{
    private const int BitsOfWord = 64;

    /// <summary>Keeps the calling thread, and those that it starts from now on, on one CPU.</summary>
    /// <param name="cpu">Its number, from 0 to 1023.</param>
    /// <exception cref="IoException">There is no such CPU, or this process may not use it.</exception>
    public static unsafe void Pin(int cpu)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(cpu);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(cpu, Sched.CPU_SETSIZE);
        const int Words = Sched.CPU_SETSIZE / BitsOfWord;
        ulong* set = stackalloc ulong[Words];
        new Span<ulong>(set, Words).Clear();
        set[cpu / BitsOfWord] = 1UL << (cpu % BitsOfWord);
        if (Sched.sched_setaffinity(0, Words * sizeof(ulong), set) < 0)
        {
            throw new IoException($"cannot stay on CPU {cpu}", Marshal.GetLastSystemError());
        }
    }
}
