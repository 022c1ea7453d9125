using Harness.Measure;
using Harness.Report;

namespace Harness.Tests.Unit;

public sealed class EnvironmentTests : IDisposable
{
    private readonly TempDir _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Facts_come_from_proc_and_sys()
    {
        Put("proc/sys/kernel/osrelease", "6.12.0-1\n");
        Put("proc/cmdline", "quiet rdinit=/x mitigations=auto -- --secret 1\n");
        Put("proc/cpuinfo", "processor\t: 0\nmodel name\t: Example CPU\nflags\t\t: fpu hypervisor sse\n");
        Put("proc/self/status", "Name:\tx\nCpus_allowed_list:\t0-1,3\n");
        Put("proc/self/limits", "Limit                     Soft Limit           Hard Limit           Units\nMax open files            1024                 4096                 files\nMax locked memory         unlimited            unlimited            bytes\n");
        Put("proc/meminfo", "MemTotal:        2048 kB\n");
        Put("proc/loadavg", "0.25 0.1 0.1 1/100 42\n");
        Put("proc/sys/net/ipv4/tcp_congestion_control", "cubic\n");
        Put("sys/devices/system/cpu/online", "0-3\n");
        Put("sys/devices/system/cpu/vulnerabilities/meltdown", "Not affected\n");
        Put("sys/devices/system/cpu/intel_pstate/no_turbo", "1\n");
        Put("sys/class/dmi/id/sys_vendor", "QEMU\n");
        Put("sys/devices/system/cpu/cpu0/topology/thread_siblings_list", "0,2\n");

        var reader = new EnvironmentReader(_folder.Path);
        var facts = reader.Read(new RingFacts { Available = true }, DotnetFacts.Read());
        Assert.Equal("6.12.0-1", facts.KernelRelease);
        Assert.Equal("quiet mitigations=auto", facts.KernelCmdline);
        Assert.Equal(("Example CPU", 4, "0-1,3", "QEMU"), (facts.CpuModel, facts.CpuCount, facts.CpusAllowed, facts.Hypervisor));
        Assert.Equal(("1024", "unlimited"), (facts.LimitNofile, facts.LimitMemlock));
        Assert.Equal((2048L * 1024, 0.25, "cubic"), (facts.MemoryBytes, facts.LoadAverage1Min, facts.TcpCongestionControl));
        Assert.Equal("Not affected", facts.Mitigations["meltdown"]);
        Assert.False(facts.Boost);
        Assert.True(reader.ShareCore(0, 2));
        Assert.False(reader.ShareCore(0, 1));
    }

    [Fact]
    public void What_cannot_be_read_is_null()
    {
        var facts = new EnvironmentReader(_folder.Path).Read(new RingFacts { Available = true }, DotnetFacts.Read());
        Assert.Null(facts.KernelRelease);
        Assert.Null(facts.CpuCount);
        Assert.Null(facts.Hypervisor);
        Assert.Null(facts.Smt);
        Assert.Null(facts.IoUringDisabled);
        Assert.Equal((null, null, null), (facts.IdleDriver, facts.IdleGovernor, facts.GuestHaltPollNs));
        Assert.Empty(facts.Mitigations);
    }

    [Theory]
    [InlineData("current_governor", "haltpoll", "0\n", 0L)]
    [InlineData("current_governor_ro", "haltpoll", "200000\n", 200_000L)]
    [InlineData("current_governor", "haltpoll", null, null)]
    // The parameter is there, and nothing looks at it.
    [InlineData("current_governor", "menu", "0\n", null)]
    public void How_idle_cpus_sleep_is_read(string file, string governor, string? pollNs, long? expected)
    {
        Put("sys/devices/system/cpu/cpuidle/current_driver", "some_driver\n");
        Put($"sys/devices/system/cpu/cpuidle/{file}", $"{governor}\n");
        if (pollNs is not null)
        {
            Put("sys/module/haltpoll/parameters/guest_halt_poll_ns", pollNs);
        }
        var facts = new EnvironmentReader(_folder.Path).Read(new RingFacts { Available = true }, DotnetFacts.Read());
        Assert.Equal(("some_driver", governor, expected), (facts.IdleDriver, facts.IdleGovernor, facts.GuestHaltPollNs));
    }

    [Theory]
    [InlineData("haltpoll", "haltpoll", 0L, true)]
    [InlineData("haltpoll", "haltpoll", 200_000L, false)]
    [InlineData("haltpoll", "haltpoll", null, false)]
    [InlineData("intel_idle", "menu", null, false)]
    // Without a driver nothing asks the governor.
    [InlineData("none", "haltpoll", 0L, false)]
    [InlineData(null, "haltpoll", 0L, false)]
    [InlineData(null, null, null, false)]
    public void A_guest_whose_idle_cpus_halt_at_once_is_warned_of(string? driver, string? governor, long? pollNs, bool warned)
    {
        var facts = ResultsSamples.Environment with { IdleDriver = driver, IdleGovernor = governor, GuestHaltPollNs = pollNs };
        Warning? warning = EnvironmentWarnings.Of(facts, usesTcp: false, usesUnix: false).SingleOrDefault(warning => warning.Id == "halt-poll");
        Assert.Equal(warned ? "echo 200000 > /sys/module/haltpoll/parameters/guest_halt_poll_ns" : null, warning?.Remedy);
    }

    [Theory]
    [InlineData("haltpoll", "haltpoll", 0L, "idle            governor haltpoll, driver haltpoll, guest_halt_poll_ns 0")]
    [InlineData("intel_idle", "menu", null, "idle            governor menu, driver intel_idle")]
    [InlineData(null, null, null, null)]
    public void The_probe_says_how_idle_cpus_sleep(string? driver, string? governor, long? pollNs, string? line)
    {
        var facts = ResultsSamples.Environment with { IdleDriver = driver, IdleGovernor = governor, GuestHaltPollNs = pollNs };
        string text = ReportConsole.Draw(console => ProbeText.Write(ProbeDocument.Of(facts, [], []), console));
        Assert.Equal(line, text.Split('\n').SingleOrDefault(line => line.StartsWith("idle", StringComparison.Ordinal)));
    }

    [Fact]
    public void Every_spoiled_fact_has_one_warning_with_a_remedy()
    {
        var spoiled = ResultsSamples.Environment with
        {
            CpuCount = 1,
            CpusAllowed = "0",
            Governor = "powersave",
            Boost = true,
            IdleDriver = "haltpoll",
            IdleGovernor = "haltpoll",
            GuestHaltPollNs = 0,
            Hypervisor = "QEMU",
            Clocksource = "hpet",
            LoadAverage1Min = 3,
            TcpCongestionControl = "bbr",
            WmemMaxBytes = 212992,
            LimitMemlock = "65536",
            LimitNofile = "1024",
            IoUring = new RingFacts { Available = false, Refusal = "a seccomp filter forbids it", Remedy = "allow it" },
        };
        var warnings = EnvironmentWarnings.Of(spoiled, usesTcp: true, usesUnix: true);
        Assert.Equal(
            [
                "no-io-uring", "one-cpu", "busy", "governor", "boost", "virtual-machine", "halt-poll", "clocksource", "memlock", "nofile",
                "congestion-control", "wmem-max",
            ],
            warnings.Select(warning => warning.Id));
        Assert.All(warnings, warning => Assert.NotEmpty(warning.Remedy));
        Assert.DoesNotContain(EnvironmentWarnings.Of(spoiled, usesTcp: false, usesUnix: false), warning => warning.Id is "congestion-control" or "wmem-max");
    }

    [Fact]
    public void A_machine_without_faults_has_no_warnings()
    {
        var facts = ResultsSamples.Environment with
        {
            CpuCount = 8,
            CpusAllowed = "0-7",
            Governor = "performance",
            LimitMemlock = "unlimited",
            LimitNofile = "1048576",
        };
        Assert.Empty(EnvironmentWarnings.Of(facts, usesTcp: true, usesUnix: true));
    }

    [Theory]
    [InlineData("0", new[] { 0 })]
    [InlineData("0-2,7", new[] { 0, 1, 2, 7 })]
    [InlineData("", new int[0])]
    public void The_kernels_cpu_lists_are_read(string list, int[] cpus) => Assert.Equal(cpus, CpuList.Parse(list));

    private void Put(string path, string text)
    {
        var full = _folder.File(path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        File.WriteAllText(full, text);
    }
}
