using Harness.Io;
using Harness.Report;

namespace Harness.Tests.Unit;

public sealed class KernelBehaviourTests
{
    private static readonly Version KnownKernel = new(6, 18);

    [SkippableFact]
    public void Every_experiment_ends_as_expected_on_the_kernel_that_it_was_written_for()
    {
        Skip.IfNot(RingProbe.TryRun(out _, out RingUnavailableException? reason), reason?.Message);
        IReadOnlyList<KernelBehaviour> rows = KernelBehaviours.Try();
        Assert.Equal(rows.Count, rows.Select(row => row.Name).Distinct().Count());
        Assert.All(rows, row => Assert.False(string.IsNullOrWhiteSpace(row.Seen) || string.IsNullOrWhiteSpace(row.Meaning)));
        Version here = Environment.OSVersion.Version;
        Skip.If((here.Major, here.Minor) != (KnownKernel.Major, KnownKernel.Minor), $"expectations are of Linux {KnownKernel}, this is {here}");
        Assert.All(rows, row => Assert.True(row.Verdict == BehaviourVerdict.AsExpected, $"{row.Name}: {row.Seen}, expected: {row.Expected}"));
    }

    [SkippableFact]
    public void What_a_kernel_does_otherwise_is_a_difference_and_what_it_lacks_is_skipped()
    {
        Skip.IfNot(RingProbe.TryRun(out RingProbe? probe, out RingUnavailableException? reason), reason?.Message);
        var other = new Experiment("n", "this", "m", _ => "that");
        Assert.Equal(new KernelBehaviour("n", "this", "that", BehaviourVerdict.Differs, "m"), other.Run(probe));
        KernelBehaviour lacking = (other with { Needs = (RingOpcode)250 }).Run(probe);
        Assert.Equal((BehaviourVerdict.Skipped, "no IORING_OP_250"), (lacking.Verdict, lacking.Seen));
        KernelBehaviour failing = (other with { Try = _ => throw new IoException("no socket", 24) }).Run(probe);
        Assert.Equal(BehaviourVerdict.Differs, failing.Verdict);
        Assert.Contains("no socket", failing.Seen);
    }

    [SkippableFact]
    public void An_operation_that_never_completes_is_told_and_hangs_nothing()
    {
        Skip.IfNot(RingProbe.TryRun(out RingProbe? probe, out RingUnavailableException? reason), reason?.Message);
        var silent = new Experiment("n", "poll 1", "m", lab =>
        {
            (int fd, _) = lab.Pair();
            lab.Ring.PreparePollAdd(fd, 1, multishot: false, 0);
            return lab.Results(1, "poll");
        });
        Assert.Equal((BehaviourVerdict.Differs, "nothing"), (silent.Run(probe).Verdict, silent.Run(probe).Seen));
    }

    [Fact]
    public void The_table_names_the_kernel_and_marks_what_differs()
    {
        KernelBehaviour[] rows =
        [
            new("a", "x", "x", BehaviourVerdict.AsExpected, "so"),
            new("b", "x", "y|z", BehaviourVerdict.Differs, "so"),
            new("c", "x", "no IORING_OP_RECV", BehaviourVerdict.Skipped, "so"),
        ];
        string table = ProbeMarkdown.Of(ProbeDocument.Of(ResultsSamples.Run.Environment, [], []) with { Behaviours = rows });
        Assert.StartsWith($"# How io_uring behaves on Linux {ResultsSamples.Run.Environment.KernelRelease}\n", table);
        Assert.Contains("| a | x | as expected | so |\n", table);
        Assert.Contains("| b | x | **y\\|z** | so |\n", table);
        Assert.Contains("| c | x | skipped: no IORING_OP_RECV | so |\n", table);
    }
}
