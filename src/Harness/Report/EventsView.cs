using System.Globalization;
using Harness.Events;
using Harness.Matrix;
using Harness.Results;

namespace Harness.Report;

/// <summary>The cells of a run that are of the pipe test, as <c>harness events</c> has them: an operation of such a record is an event.</summary>
internal static class EventsView
{
    /// <summary>Whether a record is of the pipe test.</summary>
    public static bool Has(CellRecord record) => record.Axes.GetValueOrDefault("layer") == Vocabulary.Events;

    /// <summary>Empty where the run has none.</summary>
    public static IReadOnlyList<EventFigures> Of(IEnumerable<CellRecord> records) => EventFigures.Of(
        from record in records
        where Has(record) && record is { Status: CellStatus.Ok, Load: not null }
        select Sample(new Cell(record.Axes), record.Round, record.Load!));

    private static EventSample Sample(Cell cell, int round, LoadResult load) => new()
    {
        Backend = cell.Backend,
        Variant = cell["variant"],
        Pipes = int.Parse(cell["pipes"], CultureInfo.InvariantCulture),
        Tokens = int.Parse(cell["tokens"], CultureInfo.InvariantCulture),
        Round = round,
        EventsPerSecond = load.Iops,
        SyscallsPerEvent = load.Client.SyscallsPerOp,
        CqesPerEvent = load.Client.CqesPerOp,
        AllocatedBytesPerEvent = load.Client.AllocatedBytesPerOp,
    };
}
