using Harness.Cli;
using Harness.Measure;
using Harness.Results;
using Harness.Run;

namespace Harness.Tests.Unit;

/// <summary>What spoils a measurement, and when that fails a run under --strict.</summary>
public sealed class RunFitnessTests : IDisposable
{
    private readonly TempDir _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Steal_and_other_load_are_shares_of_the_measured_cpus()
    {
        Stat("cpu0 100 0 50 1000 0 9 9 0 0 0", "cpu1 100 0 50 1000 0 9 9 10 0 0", "cpu2 0 0 0 0 0 0 0 0 0 0");
        var watch = new CpuWatch([0, 1], _folder.Path);
        // In two seconds: 1.5 s of CPU in user mode and the kernel, of which 1.1 s are ours; 80 ms stolen; CPU 2 is not measured.
        Stat("cpu0 180 0 90 1000 0 50 50 4 0 0", "cpu1 110 10 60 1000 0 50 50 14 0 0", "cpu2 900 0 0 0 0 0 0 900 0 0");
        Assert.Equal(new Disturbance(2, 10), watch.Since(seconds: 2, ownSeconds: 1.1));
        // Charged to us beyond what the counters saw: their hundredths of a second are coarser than our own figures.
        Assert.Equal(0, watch.Since(2, 1.6).OtherPercent);
    }

    [Fact]
    public void What_proc_does_not_tell_is_null_and_no_warning()
    {
        Assert.Equal(new Disturbance(null, null), new CpuWatch([0], _folder.Path).Since(1, 0));
        Assert.Equal(new Disturbance(null, null), new CpuWatch([]).Since(1, 0));
        Assert.Empty(SpoiledCell.Of(new Disturbance(null, null), null, null));
        Assert.Empty(SpoiledCell.Of(null, null, null));
    }

    [Fact]
    public void A_real_machine_is_read()
    {
        EnvironmentFacts facts = new EnvironmentReader().Read(new RingFacts { Available = true }, DotnetFacts.Read());
        var disturbance = new CpuWatch([CpuList.Parse(facts.CpusAllowed!)[0]]).Stop();
        Assert.NotNull(disturbance.StealPercent);
        Assert.InRange(disturbance.OtherPercent!.Value, 0, double.MaxValue);
    }

    [Fact]
    public void A_spoiled_cell_says_what_it_was_and_what_to_do()
    {
        Assert.Empty(SpoiledCell.Of(new Disturbance(1, 5), 20, 20));
        var warnings = SpoiledCell.Of(new Disturbance(1.5, 12), 3, 214);
        Assert.Equal(["steal", "other-load", "tiering"], warnings.Select(warning => warning.Id));
        Assert.Equal("the host gave 1.5 % of the measured CPUs' time to other guests", warnings[0].Text);
        Assert.Contains("(214 methods by the server, 3 methods by the load generator)", warnings[2].Text);
        Assert.All(warnings, warning => Assert.NotEmpty(warning.Remedy));
        Assert.Equal("tiering", Assert.Single(SpoiledCell.Of(null, 21, null)).Id);
    }

    [Fact]
    public void The_warnings_of_cells_become_one_of_the_run_for_each_kind()
    {
        IReadOnlyList<Warning> spoiled = SpoiledCell.Of(new Disturbance(2, 0), null, null);
        var warning = Assert.Single(SpoiledCell.Summary([[], spoiled, spoiled]));
        Assert.Equal(("steal", "in 2 of 3 measurements, as in this one: the host gave 2 % of the measured CPUs' time to other guests"), (warning.Id, warning.Text));
        Assert.Empty(SpoiledCell.Summary([]));
    }

    [Fact]
    public void Only_warnings_that_make_figures_wrong_make_a_machine_unfit()
    {
        Warning Of(string id) => new(id, "x", "y");
        Assert.Empty(Fitness.Faults([Of("two-cpus"), Of("virtual-machine"), Of("halt-poll"), Of("boost"), Of("memlock"), Of("no-io-uring")]));
        Assert.Equal(["governor", "tiering"], Fitness.Faults([Of("two-cpus"), Of("governor"), Of("tiering")]).Select(warning => warning.Id));
    }

    [Fact]
    public void An_unfit_run_exits_4_unless_something_worse_happened()
    {
        Assert.Equal(ExitCode.Unfit, new RunOutcome(3, 0, false) { Unfit = true }.ExitCode);
        Assert.Equal(ExitCode.Failed, new RunOutcome(3, 1, false) { Unfit = true }.ExitCode);
        Assert.Equal(ExitCode.Failed, new RunOutcome(3, 0, true) { Unfit = true }.ExitCode);
        Assert.Equal(ExitCode.NothingCouldRun, new RunOutcome(0, 0, false) { Unfit = true }.ExitCode);
        Assert.Equal(ExitCode.Done, new RunOutcome(3, 0, false).ExitCode);
    }

    [Theory]
    // Siblings next to each other, as on AMD and in most virtual machines: 0,1 are one core.
    [InlineData("0-7", 2, 2, 4)]
    [InlineData("0-3", 2, 0, 2)]
    // Siblings in two halves, as on Intel: 0 and 4 are one core.
    [InlineData("0-7", -4, 1, 2)]
    [InlineData("0,4", -4, 0, 4)]
    // No siblings.
    [InlineData("0-3", 1, 1, 2)]
    [InlineData("2-4", 1, 2, 3)]
    public void Pinning_avoids_siblings_and_leaves_the_first_core_free_where_it_can(string allowed, int layout, int server, int load)
    {
        bool ShareCore(int a, int b) => layout > 0 ? a / layout == b / layout : a % -layout == b % -layout;
        var pinning = Pinning.Choose(ResultsSamples.Environment with { CpusAllowed = allowed }, ShareCore);
        Assert.Equal((server, load), (pinning.ServerCpu, pinning.LoadCpu));
        Assert.Equal([server, load], pinning.Cpus(loops: 1));
    }

    [Theory]
    [InlineData("run --resume x m.yml", "MATRIX")]
    [InlineData("run --resume x --filter y", "--filter")]
    [InlineData("run --resume x --rounds 2", "--rounds")]
    [InlineData("run --resume x --results y", "--results")]
    public void Resume_takes_its_matrix_from_the_run(string commandLine, string given)
    {
        var parse = RunVerb.Create().Parse(commandLine["run ".Length..].Split(' '));
        Assert.Equal($"--resume goes on with what the run was to measure; leave {given} away", Assert.Single(parse.Errors).Message);
        Assert.Empty(RunVerb.Create().Parse(["--resume", "x", "--strict", "--json", "-"]).Errors);
    }

    private void Stat(params string[] lines)
    {
        Directory.CreateDirectory(_folder.File("proc"));
        File.WriteAllLines(_folder.File("proc/stat"), ["cpu 1 2 3 4 5 6 7 8 9 10", .. lines, "intr 1"]);
    }
}
