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
        Assert.Contains("was not counted in a guest", error);
    }

    private string Run(string name, string release, double factor, Func<GuestFacts, GuestFacts>? change = null)
    {
        var guest = new GuestFacts
        {
            Mode = GuestFacts.Counted,
            Kernel = new KernelFacts { Release = release, Image = "vmlinuz", Sha256 = release },
            Qemu = "7.2",
            Machine = "-machine q35",
            Image = "image",
            ReadyToRun = true,
            Ops = 4000,
        };
        return new CompareSamples(_folder).Run(
            name,
            rounds: 3,
            load: load => load with { InstructionsPerOp = 40_000 * factor },
            run: run => run with
            {
                Machine = KernelResults.MachineOf(release),
                Guest = change is null ? guest : change(guest),
                Environment = run.Environment with { KernelRelease = release, TcpRmem = release, LimitMemlock = release },
            });
    }
}
