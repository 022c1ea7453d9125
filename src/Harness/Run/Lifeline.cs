using System.Diagnostics;

namespace Harness.Run;

/// <summary>
/// Ends a cell's process when the runner that started it is gone, however it went: the runner holds the only writing end of the child's standard
/// input, and the kernel closes that even after SIGKILL. (PR_SET_PDEATHSIG would not do: it acts when the <em>thread</em> that forked ends, and .NET's pool
/// retires its threads; a process number may be given to another process.) The runner marks such children by an environment variable.
/// </summary>
internal static class Lifeline
{
    /// <summary>Set to the scratch folder of the cell, which its children remove in the runner's place.</summary>
    public const string Variable = "HARNESS_LIFELINE";

    /// <summary>
    /// In a child of a runner, watches for the runner's end; elsewhere does nothing. The watching thread sleeps in one read for all its life.
    /// </summary>
    public static void Attach()
    {
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } scratch)
        {
            var input = Console.OpenStandardInput();
            new Thread(() => Watch(input, scratch), maxStackSize: 256 * 1024) { Name = "lifeline", IsBackground = true }.Start();
        }
    }

    private static void Watch(Stream input, string scratch)
    {
        try
        {
            while (input.ReadByte() >= 0)
            {
                // The runner writes nothing; whatever comes is not the end.
            }
        }
        catch (IOException)
        {
            // An input that fails is as gone as one that ended.
        }
        ScratchFolder.RemoveAfterRunner(scratch);
        // There is nobody left to report to, so nothing is drained, and nothing may hold up the end: this is SIGKILL.
        Process.GetCurrentProcess().Kill();
    }
}
