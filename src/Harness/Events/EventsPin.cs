using System.Globalization;
using Harness.Io;
using Harness.Measure;
using Harness.Run;

namespace Harness.Events;

/// <summary>The one CPU on which events are measured.</summary>
internal static class EventsPin
{
    /// <summary>The word for leaving the thread to the scheduler.</summary>
    public const string None = "none";

    /// <summary>The CPU, and all that are then measured.</summary>
    /// <param name="asked">What <c>--pin</c> says; null leaves it to us.</param>
    /// <exception cref="HarnessException">There is no such CPU here.</exception>
    public static (int? Cpu, IReadOnlyList<int> Measured) Choose(string? asked)
    {
        var reader = new EnvironmentReader();
        EnvironmentFacts facts = reader.Read(RingFacts.Read(), DotnetFacts.Read());
        IReadOnlyList<int> allowed = CpuList.Parse(facts.CpusAllowed ?? "");
        if (asked == None)
        {
            return (null, allowed);
        }
        int? cpu = asked is null ? Pinning.Choose(facts, reader.ShareCore).LoadCpu : Allowed(asked, allowed);
        return (cpu, cpu is { } one ? [one] : allowed);
    }

    /// <summary>Keeps the calling thread there.</summary>
    /// <exception cref="HarnessException">The kernel refuses.</exception>
    public static void Keep(int cpu)
    {
        try
        {
            ThreadCpu.Pin(cpu);
        }
        catch (IoException problem)
        {
            throw new HarnessException(ExitCode.Failed, $"{problem.Message}; leave the thread to the scheduler with --pin {None}", problem);
        }
    }

    private static int Allowed(string asked, IReadOnlyList<int> allowed) =>
        int.TryParse(asked, NumberStyles.None, CultureInfo.InvariantCulture, out int cpu) && allowed.Contains(cpu)
            ? cpu
            : throw new HarnessException(ExitCode.Usage, $"--pin: '{asked}' is no CPU that this process may use; those are {string.Join(", ", allowed)}, or {None}");
}
