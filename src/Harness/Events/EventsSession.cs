using Harness.Measure;
using Harness.Report;
using Harness.Results;

namespace Harness.Events;

/// <summary><c>harness events</c> from its options to what it prints.</summary>
internal static class EventsSession
{
    /// <param name="options">What is measured.</param>
    /// <param name="pin">The CPU to stay on, null for none, and those that are measured.</param>
    /// <exception cref="HarnessException">It cannot run; the message is one line.</exception>
    public static ExitCode Run(EventsOptions options, (int? Cpu, IReadOnlyList<int> Measured) pin)
    {
        if (pin.Cpu is { } cpu)
        {
            EventsPin.Keep(cpu);
        }
        var runner = new EventsRunner(options, (variant, tokens) => new OwnPipeRun(variant, options.Pipes, tokens), Console.Error);
        var watch = new CpuWatch(pin.Measured);
        IReadOnlyList<EventFigures> figures = EventFigures.Of(runner.Run());
        if (figures.Count == 0)
        {
            throw new HarnessException(ExitCode.NothingCouldRun, "no variant that was asked for can run here; the reasons are above");
        }
        Warn(SpoiledCell.Of(watch.Stop(), null, null), runner.WarmupWasCutShort);
        JsonOutput.Write(options.Json, figures, types => types.IReadOnlyListEventFigures);
        if (!JsonOutput.TakesStdout(options.Json))
        {
            ReportConsole.ToStdout(console => EventsTable.Write(figures, console));
        }
        return ExitCode.Done;
    }

    private static void Warn(IReadOnlyList<Warning> spoiled, bool wasCutShort)
    {
        IEnumerable<Warning> all = wasCutShort
            ? spoiled.Append(new Warning("tiering", "code was still being compiled when the rounds began, so some of them ran slower code", "end other processes, and measure again"))
            : spoiled;
        foreach (Warning warning in all)
        {
            Console.Error.WriteLine($"warning: {warning.Text}; remedy: {warning.Remedy}");
        }
    }
}
