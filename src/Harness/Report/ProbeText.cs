using System.Globalization;
using Harness.Io;
using Harness.Measure;
using Spectre.Console;

namespace Harness.Report;

/// <summary>What <c>harness probe</c> prints for people.</summary>
internal static class ProbeText
{
    public static void Write(ProbeDocument probe, IAnsiConsole console)
    {
        var facts = probe.Environment;
        var ring = facts.IoUring;
        Fact(console, "kernel", $"Linux {facts.KernelRelease} {facts.KernelVersion}");
        Fact(console, "machine", $"{facts.CpuModel ?? facts.Dotnet.Architecture}, {facts.CpuCount} CPUs, allowed here: {facts.CpusAllowed}");
        Fact(console, "hypervisor", facts.Hypervisor ?? "none");
        Fact(console, "clock source", facts.Clocksource);
        Fact(console, "governor", facts.Governor ?? "none to be set");
        Fact(console, "idle", Idle(facts));
        Fact(console, "TCP", $"congestion control {facts.TcpCongestionControl}, qdisc {facts.DefaultQdisc}");
        Fact(console, "limits", $"memlock {facts.LimitMemlock}, nofile {facts.LimitNofile}, wmem_max {facts.WmemMaxBytes}");
        foreach (var stalls in probe.Stalls ?? [])
        {
            Fact(console, "stalls", string.Create(
                CultureInfo.InvariantCulture,
                $"{stalls.Count} over {StallWatch.LeastUs:0} µs in {stalls.Seconds:0.0} s, {stalls.TotalUs / 1000:0.0} ms in all, the longest {stalls.LongestUs / 1000:0.00} ms"));
        }
        Fact(console, "runtime", $"{facts.Dotnet.Version}, {facts.Dotnet.GcMode} collector");
        console.WriteLine();

        Fact(console, "io_uring", ring.Available ? "can be used" : $"refused: {ring.Refusal}");
        Fact(console, "  remedy", ring.Remedy);
        Fact(console, "  features", ring.Features);
        Fact(console, "  set-up flags", ring.SetupFlags);
        Fact(console, "  operations", ring.Opcodes.Count == 0 ? null : $"{ring.Opcodes.Count}: {string.Join(' ', ring.Opcodes)}");
        foreach (var backend in probe.Backends)
        {
            Fact(console, backend.Name, backend.Available ? "runs here" : $"cannot run: {backend.Reason}");
        }
        console.WriteLine();
        WriteBehaviours(probe.Behaviours ?? [], console);
        WriteWarnings(probe.Warnings, console);
    }

    private static string Idle(EnvironmentFacts facts) => string.Join(", ", new[]
    {
        facts.IdleGovernor is { } governor ? $"governor {governor}" : null,
        facts.IdleDriver is { } driver ? $"driver {driver}" : null,
        facts.GuestHaltPollNs is { } ns ? string.Create(CultureInfo.InvariantCulture, $"guest_halt_poll_ns {ns}") : null,
    }.OfType<string>());

    private static void WriteBehaviours(IReadOnlyList<KernelBehaviour> behaviours, IAnsiConsole console)
    {
        if (behaviours.Count == 0)
        {
            return;
        }

        int expected = behaviours.Count(row => row.Verdict == BehaviourVerdict.AsExpected);
        Fact(console, "behaviour", $"{expected} of {behaviours.Count} experiments end as on Linux 6.18; --markdown FILE says what each means");
        foreach (KernelBehaviour row in behaviours)
        {
            (string verdict, string told) = row.Verdict switch
            {
                BehaviourVerdict.AsExpected => ("as expected", row.Seen),
                BehaviourVerdict.Skipped => ("skipped", row.Seen),
                _ => ("differs", $"{row.Seen} (on Linux 6.18: {row.Expected})"),
            };
            Fact(console, $"  {verdict}", $"{row.Name}: {told}");
        }

        console.WriteLine();
    }

    private static void WriteWarnings(IReadOnlyList<Warning> warnings, IAnsiConsole console)
    {
        if (warnings.Count == 0)
        {
            console.WriteLine("nothing here is known to spoil the figures");
        }
        foreach (var warning in warnings)
        {
            WarningLines.Write(console, warning);
        }
    }

    /// <summary>One aligned line, folded at the console's width; nothing where the fact could not be had.</summary>
    private static void Fact(IAnsiConsole console, string name, string? value)
    {
        if (string.IsNullOrEmpty(value))
        {
            return;
        }
        var indent = new string(' ', 16);
        var line = name.PadRight(16);
        foreach (var word in value.Split(' '))
        {
            if (line.Length + word.Length + 1 > console.Profile.Width && line.Length > indent.Length)
            {
                console.WriteLine(line.TrimEnd());
                line = indent;
            }
            line += word + " ";
        }
        console.WriteLine(line.TrimEnd());
    }
}
