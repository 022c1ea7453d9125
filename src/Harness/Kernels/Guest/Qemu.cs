using System.Globalization;
using System.Text.RegularExpressions;
using Harness.Kernels.Archive;
using Harness.Run;

namespace Harness.Kernels.Guest;

/// <summary>
/// How a guest is started. Where it counts, its clock counts instructions (<c>-icount</c>, one nanosecond for each), it has one CPU that is emulated, and all
/// that could come from outside is fixed: the date, and by the seed every random number that the CPU gives. So a boot is the same to the last instruction,
/// whatever else the host does; another seed is another boot, with other addresses and other hashes.
/// </summary>
/// <param name="Program">The emulator.</param>
/// <param name="Version">As it says it.</param>
internal sealed partial record Qemu(string Program, string Version)
{
    private const string Name = "qemu-system-x86_64";

    /// <summary>The machine, which is a part of every result's fingerprint.</summary>
    public static readonly string[] Machine =
    [
        "-machine", "q35", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-accel", "tcg,thread=single", "-icount", "shift=0,sleep=off",
        "-cpu", "max", "-smp", "1", "-m", "1024", "-rtc", "base=2026-01-01T00:00:00,clock=vm",
    ];

    /// <summary>CPUs of a guest that counts nothing: one thread emulates them in turns, so that a boot still takes the same course each time.</summary>
    public int Cpus { get; init; } = 1;

    /// <summary>
    /// The machine where guests measure time: the host's own CPUs, one for each side. Whatever such a run finds is true of this host, and of its noise.
    /// </summary>
    public static readonly string[] TimedMachine =
        ["-machine", "q35", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-accel", "kvm", "-cpu", "host", "-smp", "2", "-m", "1024"];

    /// <summary>What its guests' clocks do: see <see cref="GuestFacts.Mode"/>.</summary>
    public string Mode { get; init; } = GuestFacts.Counted;

    /// <summary>The machine of that mode.</summary>
    public IReadOnlyList<string> MachineOfMode => Mode == GuestFacts.Timed ? TimedMachine : Machine;

    /// <summary>The kernel's own parameters; those of the mitigations come after them.</summary>
    public const string KernelParameters = "console=ttyS0 quiet panic=-1 nokaslr norandmaps";

    /// <param name="program">Null looks for it where programs lie.</param>
    /// <exception cref="HarnessException">There is none.</exception>
    public static Qemu Find(string? program = null)
    {
        string path = program ?? ProgramPath.Find(Name)
            ?? throw new HarnessException(ExitCode.NothingCouldRun, $"there is no {Name} here to run guests in; install qemu-system-x86: scripts/setup.sh does");
        string said = ToolCommand.Run([path, "--version"]).Require($"'{path}' does not say its version").Output;
        return new Qemu(path, VersionNumber().Match(said) is { Success: true } match ? match.Groups[1].Value : OneLine.Of(said));
    }

    /// <summary>The whole command line of one boot.</summary>
    /// <param name="kernel">The bootable file.</param>
    /// <param name="initrd">The image, with the plan behind it.</param>
    /// <param name="mitigations">As the axis has it.</param>
    /// <param name="seed">Of the guest's random numbers.</param>
    /// <param name="console">The file for the kernel's console.</param>
    /// <param name="results">The file for what <c>init</c> says.</param>
    /// <param name="more">Arguments that change nothing for the guest.</param>
    public IReadOnlyList<string> CommandLine(
        string kernel, string initrd, string mitigations, int seed, string console, string results, IReadOnlyList<string>? more = null) =>
    [
        Program, .. MachineOfMode, "-seed", seed.ToString(CultureInfo.InvariantCulture), "-kernel", kernel, "-initrd", initrd, "-append", Parameters(mitigations),
        "-chardev", $"file,id=console,path={console}", "-serial", "chardev:console",
        "-chardev", $"file,id=results,path={results}", "-serial", "chardev:results", .. more ?? [],
        .. Cpus > 1 ? new[] { "-smp", Cpus.ToString(CultureInfo.InvariantCulture) } : [],
    ];

    public static string Parameters(string mitigations) => mitigations == "auto" ? KernelParameters : $"{KernelParameters} mitigations={mitigations}";

    [GeneratedRegex(@"version (\S+)")]
    private static partial Regex VersionNumber();
}
