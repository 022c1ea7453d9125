using Harness.Events;
using Harness.Measure;
using Harness.Results;

namespace Harness.Report;

/// <summary>What the HTML report is drawn from, inlined in the page as JSON: one run, or several beside each other.</summary>
internal sealed record HtmlReport
{
    public required IReadOnlyList<HtmlRun> Runs { get; init; }

    /// <summary>Every axis with its values in their order; first those that vary.</summary>
    public required IReadOnlyList<HtmlAxis> Axes { get; init; }

    /// <summary>Where the percentile curves have their points: 1/(1-p), so 100 is the 99th percentile.</summary>
    public required IReadOnlyList<double> PercentileGrid { get; init; }

    /// <summary>The cells of all runs, those that differ only in their backend together.</summary>
    public required IReadOnlyList<HtmlCell> Cells { get; init; }

    /// <summary>The ladders of all runs, place by place; empty where none has a rung below NBD.</summary>
    public required IReadOnlyList<HtmlLadder> Ladders { get; init; }

    /// <summary>The client's ways of working against each other, in all runs; empty where none has several.</summary>
    public required IReadOnlyList<HtmlClientPlace> Clients { get; init; }

    /// <summary>What the client's sides did and waited for, cell by cell; empty where no run recorded it.</summary>
    public required IReadOnlyList<HtmlTimeline> Timelines { get; init; }

    /// <summary>The pipe tests of all runs; empty where none has one.</summary>
    public required IReadOnlyList<HtmlEvents> Events { get; init; }

    /// <summary>The value of <c>backend</c> that ratios are given against until the reader chooses another.</summary>
    public required string Baseline { get; init; }
}

/// <summary>The ladder of one place.</summary>
/// <param name="Run">Which of <see cref="HtmlReport.Runs"/>, from 0.</param>
/// <param name="Place">Its rungs, lowest first, and what they share.</param>
internal sealed record HtmlLadder(int Run, LadderPlace Place);

/// <summary>The pipe test at one number of tokens.</summary>
/// <param name="Run">Which of <see cref="HtmlReport.Runs"/>, from 0.</param>
/// <param name="Variants">In the order of tables.</param>
/// <param name="Reason">What the figures say about what decides; null where they are too few to say anything.</param>
internal sealed record HtmlEvents(int Run, IReadOnlyList<EventFigures> Variants, string? Reason);

/// <summary>One axis of the matrix.</summary>
/// <param name="Name">As in the matrix file.</param>
/// <param name="Values">Every value that a cell has.</param>
internal sealed record HtmlAxis(string Name, IReadOnlyList<string> Values);

/// <summary>What holds for a whole run.</summary>
internal sealed record HtmlRun
{
    /// <summary>The folder's name, which tells two runs apart.</summary>
    public required string Name { get; init; }

    public required string Matrix { get; init; }
    public required string Machine { get; init; }
    public required string Commit { get; init; }
    public required string CommandLine { get; init; }
    public required DateTimeOffset Started { get; init; }

    /// <summary><c>complete</c>, <c>interrupted</c> or <c>running</c>.</summary>
    public required string Status { get; init; }

    public required int Rounds { get; init; }
    public required double DurationSeconds { get; init; }
    public required double WarmupSeconds { get; init; }
    public required IReadOnlyList<Warning> Warnings { get; init; }

    /// <summary>What could not be read, one line each.</summary>
    public required IReadOnlyList<string> Problems { get; init; }

    /// <summary>Every backend against <c>epoll</c> over all cells of the run; empty where no cell has an interval, which takes six rounds.</summary>
    public required IReadOnlyList<BackendRatio> AgainstEpoll { get; init; }

    /// <summary>How to get the traced pass, or the rest of it; null where it is all there.</summary>
    public string? GcMissing { get; init; }

    /// <summary>Name and value of every fact about the machine, the process and the run; a fact that could not be had is null.</summary>
    public required IReadOnlyList<HtmlFact> Facts { get; init; }
}

/// <summary>A fact about the environment.</summary>
internal sealed record HtmlFact(string Name, string? Value);

/// <summary>One cell of one run, over all its rounds.</summary>
internal sealed record HtmlCell
{
    /// <summary>Which of <see cref="HtmlReport.Runs"/>, from 0.</summary>
    public required int Run { get; init; }

    public required string Id { get; init; }
    public required IReadOnlyDictionary<string, string> Axes { get; init; }

    /// <summary>The rounds whose figures count, by number.</summary>
    public required IReadOnlyList<HtmlRound> Rounds { get; init; }

    public required int FailedRounds { get; init; }
    public required bool Skipped { get; init; }

    /// <summary>Why the first round that failed or was skipped did; null where none did.</summary>
    public string? Reason { get; init; }

    public LatencySummary? LatencyUs { get; init; }

    /// <summary>Open loop: service time and send lag.</summary>
    public LatencySummary? ServiceUs { get; init; }

    /// <inheritdoc cref="ServiceUs"/>
    public LatencySummary? SendLagUs { get; init; }

    /// <summary>Open loop: operations per second that the schedule asked for, median over the rounds.</summary>
    public double? RateOffered { get; init; }

    public SideCosts? Server { get; init; }
    public SideCosts? Client { get; init; }

    /// <summary>Where the time went.</summary>
    public Explanation? Explain { get; init; }

    /// <summary>What that says in sentences.</summary>
    public required IReadOnlyList<string> ExplainNotes { get; init; }

    /// <summary>Latencies in µs on <see cref="HtmlReport.PercentileGrid"/>, as far as there are values to speak of one.</summary>
    public required IReadOnlyList<double> Percentiles { get; init; }

    /// <summary>Service times of an open loop, as <see cref="Percentiles"/>; empty in a closed one.</summary>
    public required IReadOnlyList<double> ServicePercentiles { get; init; }

    /// <summary>Send lags of an open loop, as <see cref="Percentiles"/>; empty in a closed one.</summary>
    public required IReadOnlyList<double> LagPercentiles { get; init; }

    /// <summary>Latency over time: a segment for each round, in order, and one for the pass that traced the collector.</summary>
    public required IReadOnlyList<HtmlSegment> Segments { get; init; }

    /// <summary>Null where no pass looked for them; empty where one looked and there were none.</summary>
    public IReadOnlyList<HtmlGcPause>? GcPauses { get; init; }

    /// <summary>The traced pass in sums; null where there was none.</summary>
    public HtmlGc? Gc { get; init; }
}

/// <summary>The traced pass of one cell in sums.</summary>
/// <param name="Reason">Why it could not be traced; null where it was.</param>
/// <param name="Server">Without the pauses, which are in <see cref="HtmlCell.GcPauses"/>.</param>
/// <param name="Client">The same of the load generator.</param>
internal sealed record HtmlGc(string? Reason, GcSide? Server, GcSide? Client);

/// <summary>One round of a cell: what ratios are made of, and what spoils them.</summary>
internal sealed record HtmlRound
{
    public required int Round { get; init; }
    public required double Iops { get; init; }

    /// <summary>Latencies in µs; null where the round has none.</summary>
    public double? P50 { get; init; }

    /// <inheritdoc cref="P50"/>
    public double? P99 { get; init; }

    /// <inheritdoc cref="P50"/>
    public double? P999 { get; init; }

    /// <inheritdoc cref="P50"/>
    public double? Max { get; init; }

    /// <summary>Open loop: the server did not keep up, so the latencies say how long the run was.</summary>
    public required bool Saturated { get; init; }

    public required IReadOnlyList<Warning> Warnings { get; init; }
}

/// <summary>Latencies by interval within one uninterrupted stretch of measuring. All lists are of one length; latencies are in µs.</summary>
internal sealed record HtmlSegment
{
    /// <summary><c>round1</c>, <c>round2</c>, …, or <c>traced</c>.</summary>
    public required string Name { get; init; }

    public required double IntervalSeconds { get; init; }
    public required IReadOnlyList<double?> P50 { get; init; }
    public required IReadOnlyList<double?> P99 { get; init; }
    public required IReadOnlyList<double?> P999 { get; init; }
    public required IReadOnlyList<double?> Max { get; init; }
}

/// <summary>A pause of the garbage collector.</summary>
/// <param name="Segment">Index into <see cref="HtmlCell.Segments"/>.</param>
/// <param name="Seconds">When it began, from the start of that segment.</param>
/// <param name="DurationUs">How long all threads stood still.</param>
/// <param name="Generation">0, 1 or 2; null where the trace does not say.</param>
/// <param name="Side"><c>server</c> or <c>client</c>.</param>
internal sealed record HtmlGcPause(int Segment, double Seconds, double DurationUs, int? Generation, string Side);
