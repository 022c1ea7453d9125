using Harness.Compare;
using Harness.Kernels;
using Harness.Results;

namespace Harness.Tests.Unit;

/// <summary>Runs in guests held against each other: what may differ, and what is found.</summary>
public sealed class KernelCompareTests : IDisposable
{
    private static readonly ComparisonOptions s_kernel = new() { Factor = Fingerprint.KernelFactor };

    private readonly TempDir _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(1.0005, nameof(Verdict.Same))]
    [InlineData(1.003, nameof(Verdict.Worse))]
    [InlineData(0.997, nameof(Verdict.Better))]
    public void Instructions_are_judged_to_two_parts_in_a_thousand(double factor, string verdict)
    {
        CompareDocument comparison = CompareSamples.Compare(Run("base", "6.1.0", 1), Run("new", "7.2.0", factor), s_kernel);
        CellVerdict cell = Assert.Single(comparison.Cells, cell => cell.Cell == CompareSamples.DepthOne.Id);
        FigureResult figure = Assert.Single(cell.Figures, figure => figure.Figure == "instructions_per_op");
        Assert.Equal(verdict, figure.Verdict.ToString());
        // Times are the same said in another way, and would be judged twice.
        Assert.DoesNotContain(cell.Figures, figure => figure.Kind == FigureKind.Timed);
    }

    // Boots a thousandth apart, as chance moves them.
    [Theory]
    [InlineData(1.0025, 0.0005, nameof(Verdict.Worse))]
    [InlineData(0.9975, 0.0005, nameof(Verdict.Better))]
    [InlineData(1.0015, 0.0005, nameof(Verdict.Same))]
    [InlineData(1.0025, 0.0015, nameof(Verdict.CannotSay))]
    public void What_chance_does_between_boots_does_not_hide_a_change_that_all_of_them_have(double factor, double apart, string verdict)
    {
        string Boots(string name, string release, double factor)
        {
            int call = 0;
            double Next() => 40_000 * factor * (1 + (apart * (call++ / 2)));
            return new KernelSamples(_folder).Run(name, release, 1, load: load => load with { InstructionsPerOp = Next() });
        }
        CompareDocument comparison = CompareSamples.Compare(Boots("base", "6.1.0", 1), Boots("new", "7.2.0", factor), s_kernel);
        Assert.All(comparison.Cells, cell => Assert.Equal(verdict, cell.Figures.Single(figure => figure.Figure == "instructions_per_op").Verdict.ToString()));
    }

    [Fact]
    public void The_kernel_may_bring_its_settings_along_and_a_guest_is_never_held_against_a_machine()
    {
        string was = Run("base", "6.1.0", 1);
        var refused = Assert.Throws<HarnessException>(() => CompareSamples.Compare(was, Run("undeclared", "7.2.0", 1)));
        Assert.Contains("environment.kernel_release", refused.Message);
        string host = new CompareSamples(_folder).Run("host", rounds: 3);
        Assert.Contains("guest.mode is 'counted' in BASE and 'not recorded' in NEW", Assert.Throws<HarnessException>(() => CompareSamples.Compare(was, host, s_kernel)).Message);
        string other = Run("qemu", "7.2.0", 1, guest => guest with { Qemu = "9.0" });
        Assert.Contains("guest.qemu is '7.2' in BASE and '9.0' in NEW", Assert.Throws<HarnessException>(() => CompareSamples.Compare(was, other, s_kernel)).Message);
    }

    [Fact]
    public void The_table_has_a_column_for_each_kernel_oldest_first()
    {
        string[] folders = [Run("new", "7.2.0", 1.03), Run("base", "6.1.0", 1)];
        KernelTable table = KernelTable.Of([.. folders.Select(RunReader.Read)]);
        Assert.Equal(["6.1.0", "7.2.0"], table.Kernels.Select(kernel => kernel.Release));
        string markdown = KernelTableText.Markdown(table);
        Assert.Contains($"| `{CompareSamples.DepthOne.Id}` | 40,000 | 41,200 (+3.0 %) |", markdown);
        var (code, output, error) = VerbConsole.Invoke(["kernels", "compare", .. folders]);
        Assert.True(code == 0, error);
        Assert.Contains("41,200 (+3.0 %)", output);
        Assert.Contains("Instructions are not cycles", output);

        (code, _, error) = VerbConsole.Invoke("kernels", "compare", new CompareSamples(_folder).Run("host", rounds: 1));
        Assert.Equal(2, code);
        Assert.Contains("was not measured in a guest", error);
    }

    [Fact]
    public void Enters_of_both_sides_stand_beside_the_system_calls_where_there_is_a_ring()
    {
        static LoadResult Entering(LoadResult load) =>
            load with { InstructionsPerOp = 40_000, Server = load.Server! with { EntersPerOp = 2 }, Client = load.Client with { EntersPerOp = 1.5 } };
        KernelTable table = KernelTable.Of([RunReader.Read(new KernelSamples(_folder).Run("rings", "6.1.0", 1, load: Entering))]);
        Assert.All(table.Cells, row => Assert.Equal(3.5, row.Figures[0].EntersPerOp));
        Assert.Contains(", 3.50, 0.000 % |", KernelTableText.Markdown(table));
        KernelTable without = KernelTable.Of([RunReader.Read(Run("none", "6.1.0", 1))]);
        Assert.All(without.Cells, row => Assert.Null(row.Figures[0].EntersPerOp));
        Assert.Contains(", -, 0.000 % |", KernelTableText.Markdown(without));
    }

    [Fact]
    public void Counted_and_timed_figures_never_stand_in_one_table()
    {
        string counted = Run("counted", "6.1.0", 1);
        string timed = Run("timed", "7.2.0", 1, guest => guest with { Mode = GuestFacts.Timed, Machine = "-accel kvm", Ops = null });
        var (code, _, error) = VerbConsole.Invoke("kernels", "compare", counted, timed);
        Assert.Equal(2, code);
        Assert.Contains("is counted and", error);
        Assert.Contains("is timed: instructions and times never stand in one table; give runs of one mode", error);
        (code, _, error) = VerbConsole.Invoke("compare", "--factor", "kernel", counted, timed);
        Assert.Equal(2, code);
        Assert.Contains("instructions and times are never held against each other: BASE is counted and NEW is timed", error);
    }

    [Fact]
    public void Times_of_guests_are_a_table_of_their_own_without_steps()
    {
        static GuestFacts Timed(GuestFacts guest) => guest with { Mode = GuestFacts.Timed, Ops = null };
        static LoadResult At(LoadResult load, double us) => load with { Iops = 1e6 / us };
        var samples = new KernelSamples(_folder);
        string[] folders = [samples.Run("base", "6.1.0", 1, Timed, load => At(load, 20)), samples.Run("new", "7.2.0", 1, Timed, load => At(load, 25))];
        var (code, output, error) = VerbConsole.Invoke(["kernels", "compare", .. folders]);
        Assert.True(code == 0, error);
        Assert.Contains("µs per operation", output);
        Assert.Contains("25.00 (+25.0 %)", output);
        Assert.DoesNotContain("Instructions are not cycles", output);
        Assert.Empty(KernelTable.Of([.. folders.Select(RunReader.Read)]).Changes);
    }

    [Theory]
    [InlineData(1.0019, 0)]
    [InlineData(1.0025, 1)]
    [InlineData(0.99, 1)]
    public void A_step_is_a_change_in_every_boot_by_more_than_boots_differ(double factor, int steps)
    {
        string[] folders = [Run("old", "6.1.0", 1), Run("same", "6.12.1", 1.0004), Run("new", "7.2.0", factor)];
        KernelTable table = KernelTable.Of([.. folders.Select(RunReader.Read)]);
        KernelChange[] changes = [.. table.Changes.Where(change => change.Cell == CompareSamples.DepthOne.Id)];
        Assert.Equal(steps, changes.Length);
        Assert.All(changes, change => Assert.Equal(("6.12", "7.2"), (change.Last, change.First)));
        // One boot that lies on the other side is enough for it to be none.
        int boot = 0;
        string torn = new KernelSamples(_folder).Run("torn", "7.2.1", 1, load: load => load with { InstructionsPerOp = boot++ % 6 < 2 ? 40_000 : 41_000 });
        Assert.Empty(KernelTable.Of([RunReader.Read(Run("before", "6.1.0", 1)), RunReader.Read(torn)]).Changes);
    }

    [Fact]
    public void Without_runs_the_newest_of_each_kernel_that_fits_is_taken_and_others_are_named()
    {
        DateTimeOffset later = ResultsSamples.Noon.AddHours(1);
        var samples = new KernelSamples(_folder);
        samples.Run("results", "6.1.0", 1);
        samples.Run("results", "6.1.0", 1.5, started: later);
        samples.Run("results", "7.2.0", 1.1, started: later.AddHours(1));
        // A newer run of another emulator is passed over for one that fits; a kernel that has no other is left out.
        samples.Run("results", "7.2.0", 2, guest => guest with { Qemu = "9.0" }, started: later.AddMinutes(1));
        samples.Run("results", "5.10.0", 1, guest => guest with { Qemu = "9.0" }, started: later.AddMinutes(2));
        var (code, output, error) = VerbConsole.Invoke("kernels", "compare", "--results", _folder.File("results"), "--base", "7.2");
        Assert.True(code == 0, error);
        Assert.Contains("60,000 (+36.4 %)", output);
        Assert.Contains("left out: guest-5.10.0: guest.qemu is '7.2' in BASE and '9.0' in NEW", string.Join(' ', output.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)));

        (code, _, error) = VerbConsole.Invoke("kernels", "compare", "--results", _folder.File("results"), "--base", "4.19");
        Assert.Equal(2, code);
        Assert.Contains("--base 4.19: no such kernel is among 6.1.0, 7.2.0", error);
        (code, _, error) = VerbConsole.Invoke("kernels", "compare", "--results", _folder.File("results"), "--matrix", "other");
        Assert.Equal(2, code);
        Assert.Contains("there is no finished run of the matrix 'other' in guests", error);
    }

    [Fact]
    public void What_a_bisection_leaves_a_few_cells_and_what_was_cut_short_do_not_take_the_place_of_a_whole_run()
    {
        DateTimeOffset later = ResultsSamples.Noon.AddHours(1);
        var samples = new KernelSamples(_folder);
        samples.Run("results", "6.1.0", 1);
        samples.Run("results", "7.2.0", 1.1);
        samples.Run("results", "6.1.0", 2, started: later, record: run => run with { Matrix = KernelRuns.Bisected, Filter = CompareSamples.DepthOne.Id });
        samples.Run("results", "6.6.0", 2, started: later, record: run => run with { Matrix = KernelRuns.Bisected, Filter = CompareSamples.DepthOne.Id });
        samples.Run("results", "7.2.0", 3, started: later.AddMinutes(1), record: run => run with { Status = RunStatus.Interrupted });
        string few = samples.Run("results", "6.1.0", 4, started: later.AddMinutes(2), record: run => run with { Filter = "*depth=1*" });
        string output = Compared();
        Assert.Contains("40,000 44,000 (+10.0 %)", output);
        Assert.Contains("left out: guest-6.6.0: it ran bisect only; BASE is guest-", output);
        Assert.Contains($"passed over: guest-6.1.0/{Path.GetFileName(few)} is newer and only has the cells of --filter '*depth=1*'", output);
        // Asked for, they stand beside each other; and where there is nothing whole, parts do.
        Assert.Contains("80,000 80,000 (=)", Compared("--matrix", KernelRuns.Bisected));
        Directory.Delete(_folder.File("results/guest-7.2.0"), recursive: true);
        samples.Run("results", "7.2.0", 5, started: later, record: run => run with { Filter = "*depth=1*" });
        Assert.Contains("left out: guest-7.2.0: it only has the cells of --filter '*depth=1*'; BASE is guest-6.1.0/", Compared());
        Directory.Delete(Directory.GetDirectories(_folder.File("results/guest-6.1.0")).Order(StringComparer.Ordinal).First(), recursive: true);
        Assert.Contains("160,000 200,000 (+25.0 %)", Compared());

        string Compared(params string[] more)
        {
            var (code, output, error) = VerbConsole.Invoke(["kernels", "compare", "--results", _folder.File("results"), .. more]);
            Assert.True(code == 0, error);
            return string.Join(' ', output.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        }
    }

    [Fact]
    public void Runs_that_two_others_know_differently_are_not_put_together()
    {
        DateTimeOffset later = ResultsSamples.Noon.AddHours(1);
        var samples = new KernelSamples(_folder);
        static RunRecord With(RunRecord run, string? parameters) => run with { Environment = run.Environment with { KernelCmdline = parameters } };
        samples.Run("results", "7.2.0", 1, started: later, record: run => With(run, null));
        samples.Run("results", "6.1.0", 1, record: run => With(run, "quiet"));
        samples.Run("results", "6.6.0", 1, record: run => With(run, "debug"));
        var (code, output, error) = VerbConsole.Invoke("kernels", "compare", "--results", _folder.File("results"));
        Assert.True(code == 0, error);
        Assert.Contains("left out: guest-6.6.0: environment.kernel_cmdline is 'quiet' in BASE and 'debug' in NEW", string.Join(' ', output.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)));
    }

    [Fact]
    public void Where_the_guests_programs_differ_too_it_is_said_beside_the_figures()
    {
        RunData[] runs = [RunReader.Read(Run("base", "6.1.0", 1)), RunReader.Read(Run("new", "7.2.0", 1, guest => guest with { Image = "other" }))];
        const string Note = "not only the kernel moves: the guests' programs differ too (image on 6.1; other on 7.2)";
        KernelTable table = KernelTable.Of(runs);
        Assert.StartsWith(Note, Assert.Single(table.Notes));
        Assert.Contains(Note, KernelTableText.Markdown(table));
        Assert.Empty(KernelTable.Of([runs[0]]).Notes);
    }

    [Fact]
    public void Kernels_go_by_the_shortest_name_that_tells_them_apart()
    {
        string[] Names(params string[] releases) =>
            [.. KernelColumn.Named([.. releases.Select(release => new KernelColumn(release, "", null, null, null))]).Select(kernel => kernel.Name)];
        Assert.Equal(["5.10", "6.12"], Names("5.10.0-46-cloud-amd64", "6.12.117+deb13-cloud-amd64"));
        Assert.Equal(["6.12.94", "6.12.117"], Names("6.12.94-cloud-amd64", "6.12.117+deb13-cloud-amd64"));
        Assert.Equal(["6.1.0-50", "6.1.0-56"], Names("6.1.0-50-cloud-amd64", "6.1.0-56-cloud-amd64"));
        Assert.Equal(["6.1.0 #1", "6.1.0 #2"], Names("6.1.0", "6.1.0"));
    }

    private string Run(string name, string release, double factor, Func<GuestFacts, GuestFacts>? guest = null) =>
        new KernelSamples(_folder).Run(name, release, factor, guest);
}
