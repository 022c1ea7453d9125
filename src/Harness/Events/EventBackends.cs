using Harness.Io;
using Harness.Measure;
using Harness.Matrix;

namespace Harness.Events;

/// <summary>Which of the backends that were asked for can run here.</summary>
internal static class EventBackends
{
    /// <summary>Those that can; a line on <paramref name="messages"/> names the others.</summary>
    /// <exception cref="HarnessException">None can.</exception>
    public static IReadOnlyList<string> Runnable(IReadOnlyList<string> asked, TextWriter messages)
    {
        RingFacts ring = RingFacts.Read();
        string[] refused = [.. asked.Where(backend => Vocabulary.NeedsRing(backend) && !ring.Available)];
        string why = $"{string.Join(", ", refused)}: {ring.Refusal}{(ring.Remedy is { } remedy ? $"; {remedy}" : "")}";
        if (refused.Length == asked.Count)
        {
            throw new HarnessException(ExitCode.NothingCouldRun, why);
        }
        if (refused.Length > 0)
        {
            messages.WriteLine($"harness events: left out {why}");
        }
        return [.. asked.Except(refused)];
    }

    /// <summary>A loop on the calling thread.</summary>
    /// <exception cref="HarnessException">The kernel gives none.</exception>
    public static EventLoop Open(string backend)
    {
        try
        {
            return new EventLoop(LoopBackends.Create(backend));
        }
        catch (IOException e)
        {
            throw new HarnessException(e is RingUnavailableException ? ExitCode.NothingCouldRun : ExitCode.Failed, $"--backend {backend}: {e.Message}", e);
        }
    }
}
