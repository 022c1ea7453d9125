using Harness.Io;
using Harness.Io.Native;

namespace Harness.Tests;

/// <summary>
/// Set-up on kernels other than this one: older ones, through a set-up call that refuses what they do not know, and those that refuse altogether.
/// </summary>
public sealed class RingSetupTests
{
    private const SetupFlags V5_4 = SetupFlags.SQPOLL | SetupFlags.SQ_AFF;
    private const SetupFlags V5_6 = V5_4 | SetupFlags.CQSIZE | SetupFlags.CLAMP;
    private const SetupFlags V5_10 = V5_6 | SetupFlags.R_DISABLED;
    private const SetupFlags V5_18 = V5_10 | SetupFlags.SUBMIT_ALL;
    private const SetupFlags V5_19 = V5_18 | SetupFlags.COOP_TASKRUN | SetupFlags.TASKRUN_FLAG;
    private const SetupFlags V6_0 = V5_19 | SetupFlags.SINGLE_ISSUER;
    private const SetupFlags V6_1 = V6_0 | SetupFlags.DEFER_TASKRUN;
    private const SetupFlags V6_6 = V6_1 | SetupFlags.NO_SQARRAY;

    public static TheoryData<uint, string> Kernels => new()
    {
        { (uint)V5_4, "0" },
        { (uint)V5_6, "CQSIZE|CLAMP" },
        { (uint)V5_10, "CQSIZE|CLAMP|R_DISABLED" },
        { (uint)V5_18, "CQSIZE|CLAMP|R_DISABLED|SUBMIT_ALL" },
        { (uint)V5_19, "CQSIZE|CLAMP|R_DISABLED|SUBMIT_ALL|COOP_TASKRUN|TASKRUN_FLAG" },
        { (uint)V6_0, "CQSIZE|CLAMP|R_DISABLED|SUBMIT_ALL|COOP_TASKRUN|TASKRUN_FLAG|SINGLE_ISSUER" },
        { (uint)V6_1, "CQSIZE|CLAMP|R_DISABLED|SUBMIT_ALL|TASKRUN_FLAG|SINGLE_ISSUER|DEFER_TASKRUN" },
        { (uint)V6_6, "CQSIZE|CLAMP|R_DISABLED|SUBMIT_ALL|TASKRUN_FLAG|SINGLE_ISSUER|DEFER_TASKRUN|NO_SQARRAY" },
    };

    [SkippableTheory]
    [MemberData(nameof(Kernels))]
    public void Flags_that_a_kernel_does_not_know_are_peeled_newest_first_and_the_ring_works(uint known, string granted)
    {
        Skip.IfNot(RingProbe.TryRun(out RingProbe? probe, out RingUnavailableException? reason), reason?.Message);
        Skip.IfNot(((uint)probe!.Flags & known & (uint)V6_6 & ~(uint)V5_19) == (known & ~(uint)V5_19), "this kernel is older than the one to play");
        using var ring = new Ring(new RingOptions { Entries = 8 }, Kernel((SetupFlags)known));
        Assert.Equal(granted, ring.Flags.ToNames());
        Assert.Equal((ring.Flags & SetupFlags.R_DISABLED) == 0, ring.IsEnabled);
        ring.Enable();
        Assert.True(ring.CompletionEntries >= ring.SubmissionEntries * ((known & (uint)SetupFlags.CQSIZE) != 0 ? 4u : 2u));
        // More than the queue holds, so that every slot, with the index array and without, is used twice.
        for (ulong i = 0; i < 16; i++)
        {
            Assert.True(ring.PrepareNop(i));
            Assert.Equal(i, ring.TakeOne().UserData);
        }
    }

    [SkippableFact]
    public void Refusals_other_than_EINVAL_are_not_answered_by_asking_for_less()
    {
        int calls = 0;
        var environment = new RingEnvironment
        {
            Setup = (uint _, ref io_uring_params _) =>
            {
                calls++;
                return -Errno.EPERM;
            },
        };
        Assert.Throws<RingUnavailableException>(() => new Ring(new RingOptions(), environment));
        Assert.Equal(1, calls);
    }

    [SkippableFact]
    public void Submission_polling_goes_without_deferred_work_and_options_are_honoured()
    {
        Assert.Equal("SQPOLL|SQ_AFF|CQSIZE|CLAMP|R_DISABLED|SUBMIT_ALL|SINGLE_ISSUER|NO_SQARRAY",
            new RingOptions { SubmissionPolling = true, SubmissionPollingCpu = 0 }.WantedFlags().ToNames());
        Assert.Equal("CQSIZE|CLAMP|COOP_TASKRUN|TASKRUN_FLAG|NO_SQARRAY",
            new RingOptions { SingleIssuer = false, SubmitAll = false, StartDisabled = false }.WantedFlags().ToNames());
        using Ring ring = RingFixture.Open(new RingOptions { Entries = 5, CompletionEntries = 60, SingleIssuer = false });
        Assert.Equal((8u, 64u), (ring.SubmissionEntries, ring.CompletionEntries));
    }

    [Theory]
    [InlineData(1, "2", 0, "6.12", RingUnavailableCause.Sysctl, "sysctl kernel.io_uring_disabled=0")]
    [InlineData(1, "1", 0, "6.12", RingUnavailableCause.Sysctl, "kernel.io_uring_group")]
    [InlineData(1, "0", 2, "6.12", RingUnavailableCause.Seccomp, "--security-opt seccomp=")]
    [InlineData(1, null, 2, "5.15", RingUnavailableCause.Seccomp, "--security-opt seccomp=")]
    [InlineData(1, "0", 0, "6.12", RingUnavailableCause.SecurityModule, "SELinux")]
    [InlineData(13, "0", 0, "6.12", RingUnavailableCause.SecurityModule, "EACCES")]
    [InlineData(38, null, 0, "4.19", RingUnavailableCause.OldKernel, "kernel 4.19 is older than 5.1")]
    [InlineData(38, null, 2, "6.12", RingUnavailableCause.Seccomp, "ENOSYS")]
    [InlineData(38, null, 0, "6.12", RingUnavailableCause.OldKernel, "CONFIG_IO_URING")]
    [InlineData(12, null, 0, "5.10", RingUnavailableCause.Resources, "ulimit -l")]
    [InlineData(24, "0", 0, "6.12", RingUnavailableCause.Resources, "ulimit -n")]
    [InlineData(22, "0", 0, "6.12", RingUnavailableCause.Other, "EINVAL")]
    public void A_refusal_names_its_cause_and_the_remedy_in_one_line(
        int errno, string? disabled, int seccomp, string kernel, RingUnavailableCause cause, string says)
    {
        RingEnvironment environment = Refusing(errno, disabled, seccomp, kernel);
        var error = Assert.Throws<RingUnavailableException>(() => new Ring(new RingOptions(), environment));
        Assert.Equal((cause, errno), (error.Cause, error.Errno));
        Assert.StartsWith("io_uring is not available: ", error.Message);
        Assert.Contains(says, error.Message);
        Assert.DoesNotContain('\n', error.Message);
        // Wherever another way is open, it is named.
        Assert.True(cause == RingUnavailableCause.Resources || error.Message.Contains("epoll") || error.Message.Contains("another backend"), error.Message);
    }

    [Fact]
    public void Submission_polling_before_5_11_needs_root_and_says_so()
    {
        RingEnvironment environment = Refusing(Errno.EPERM, null, 0, "5.10");
        var error = Assert.Throws<RingUnavailableException>(() => new Ring(new RingOptions { SubmissionPolling = true }, environment));
        Assert.Equal(RingUnavailableCause.SubmissionPollingPrivilege, error.Cause);
    }

    [SkippableFact]
    public void The_probe_knows_the_operations()
    {
        Skip.IfNot(RingProbe.TryRun(out RingProbe? probe, out RingUnavailableException? reason), reason?.Message);
        Skip.If(probe!.LastOpcode < 0, "this kernel has no probe");
        Assert.True(probe.IsSupported(RingOpcode.NOP) && probe.IsSupported(RingOpcode.POLL_ADD));
        Assert.True(probe.LastOpcode >= (int)RingOpcode.READ);
        Assert.False(probe.IsSupported((RingOpcode)255));
        Assert.NotEqual(RingFeatures.NONE, probe.Features);
        Assert.All(Enum.GetValues<RingOpcode>(), o => Assert.True((int)o <= probe.LastOpcode || !probe.IsSupported(o)));
    }

    [Fact]
    public void Flags_print_as_the_manual_writes_them()
    {
        Assert.Equal("0", SetupFlags.NONE.ToNames());
        Assert.Equal("TASKRUN_FLAG|SINGLE_ISSUER|DEFER_TASKRUN", (SetupFlags.DEFER_TASKRUN | SetupFlags.SINGLE_ISSUER | SetupFlags.TASKRUN_FLAG).ToNames());
        Assert.Equal("SINGLE_MMAP|EXT_ARG|1<<31", (RingFeatures.EXT_ARG | RingFeatures.SINGLE_MMAP | (RingFeatures)(1u << 31)).ToNames());
    }

    [Fact]
    public void Options_out_of_range_are_refused_before_any_call()
    {
        var environment = new RingEnvironment { Setup = (uint _, ref io_uring_params _) => throw new InvalidOperationException("called") };
        Assert.Throws<ArgumentOutOfRangeException>(() => new Ring(new RingOptions { Entries = 0 }, environment));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Ring(new RingOptions { Entries = 32769 }, environment));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Ring(new RingOptions { Entries = 8, CompletionEntries = 4 }, environment));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Ring(new RingOptions { SubmissionPollingCpu = -2 }, environment));
    }

    // As the kernel checks: an unknown bit is EINVAL, and so is TASKRUN_FLAG without a way of not interrupting the thread, or DEFER without SINGLE_ISSUER.
    private static RingEnvironment Kernel(SetupFlags known) => new()
    {
        Setup = (uint entries, ref io_uring_params parameters) =>
            (parameters.flags & ~known) != 0 ? -Errno.EINVAL : IoUring.Setup(entries, ref parameters),
    };

    private static RingEnvironment Refusing(int errno, string? disabled, int seccomp, string kernel) => new()
    {
        Setup = (uint _, ref io_uring_params _) => -errno,
        ReadText = path => path switch
        {
            "/proc/sys/kernel/io_uring_disabled" => disabled is null ? null : disabled + "\n",
            "/proc/self/status" => $"Name:\tharness\nNoNewPrivs:\t0\nSeccomp:\t{seccomp}\nSeccomp_filters:\t{seccomp / 2}\n",
            _ => null,
        },
        Kernel = Version.Parse(kernel),
    };
}
