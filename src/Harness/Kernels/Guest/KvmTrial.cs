namespace Harness.Kernels.Guest;

/// <summary>
/// Finds out whether KVM works before a timed run relies on it: a device that opens says little, since inside many virtual machines guests then hang.
/// So a guest is booted, with a short deadline.
/// </summary>
/// <param name="qemu">The emulator, in the mode that is asked for; in any but the timed one nothing is tried.</param>
/// <param name="image">The root file system.</param>
internal sealed class KvmTrial(Qemu qemu, GuestImage image)
{
    private const string Device = "/dev/kvm";

    /// <summary>How long the trial guest may say nothing; with KVM a kernel speaks within a second or two.</summary>
    public TimeSpan Silence { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>Refuses a timed run where there is no KVM at all, before anything is made for it.</summary>
    /// <exception cref="HarnessException">There is none, or it may not be used; the exit code is 77.</exception>
    public static void RequireDevice(Qemu qemu, string device = Device)
    {
        if (qemu.Mode != GuestFacts.Timed)
        {
            return;
        }
        try
        {
            using var opened = new FileStream(device, FileMode.Open, FileAccess.ReadWrite);
        }
        catch (Exception e) when (FileTrouble.Is(e))
        {
            throw Refused(File.Exists(device) ? $"{device} cannot be opened: {FileTrouble.Reason(e, device)}" : $"there is no {device}");
        }
    }

    /// <summary>Boots a guest that does nothing. A kernel that panics says nothing about KVM, so then the next one is tried.</summary>
    /// <exception cref="HarnessException">No guest came up; the exit code is 77.</exception>
    public void Require(IReadOnlyList<CachedKernel> kernels, CancellationToken stop)
    {
        if (qemu.Mode != GuestFacts.Timed)
        {
            return;
        }
        string? trouble = null;
        var guest = new GuestBoot(qemu, image, Silence);
        foreach (CachedKernel kernel in kernels)
        {
            trouble = guest.RunAsync(kernel, new GuestPlan([], 0, 0, Facts: false), "auto", 1, _ => { }, stop).GetAwaiter().GetResult();
            if (trouble?.StartsWith(GuestBoot.Panicked, StringComparison.Ordinal) != true)
            {
                break;
            }
        }
        if (trouble is not null)
        {
            throw Refused($"a trial guest did not come up: {trouble}");
        }
    }

    private static HarnessException Refused(string reason) => new(
        ExitCode.NothingCouldRun,
        $"KVM does not work here, so guests cannot measure time: {reason}; run it on a machine that lends its CPUs, or count instructions with --mode counted");
}
