using System.Runtime;

namespace Harness.Events;

/// <summary>Work that is repeated before it is measured, until the runtime has compiled all of its code anew.</summary>
internal static class SettledCode
{
    private const int MaxTimes = 8;

    // Code that is called now and then is compiled much later, a method at a time; what is measured comes by the dozen.
    private const int Stray = 3;

    /// <summary>Runs it until a time in which hardly a method was compiled; false where that did not come about.</summary>
    /// <param name="work">What is to be measured later; longer than the runtime waits before it compiles anew, 100 ms.</param>
    public static bool Reached(Action work)
    {
        for (int times = 0; times < MaxTimes; times++)
        {
            long before = JitInfo.GetCompiledMethodCount();
            work();
            if (times > 0 && JitInfo.GetCompiledMethodCount() - before <= Stray)
            {
                return true;
            }
        }
        return false;
    }
}
