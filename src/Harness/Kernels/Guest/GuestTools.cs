namespace Harness.Kernels.Guest;

/// <summary>All that a boot needs beside a kernel.</summary>
/// <param name="Qemu">The emulator.</param>
/// <param name="Image">The root file system.</param>
/// <param name="ReadyToRun">Whether the program in it is compiled ahead of time.</param>
/// <param name="Plugin">Tells instructions in user mode from those in the kernel; null where it cannot be had.</param>
internal sealed record GuestTools(Qemu Qemu, GuestImage Image, bool ReadyToRun, InstructionPlugin? Plugin)
{
    /// <summary>Finds and makes them.</summary>
    /// <param name="cache">Where they are kept.</param>
    /// <param name="emulator">Null looks for it where programs lie.</param>
    /// <param name="say">Told what takes long, and what is missing.</param>
    /// <exception cref="HarnessException">There is no emulator, or no image can be made.</exception>
    public static GuestTools Make(KernelCache cache, string? emulator, Action<string> say)
    {
        Qemu qemu = Qemu.Find(emulator);
        GuestProgram program = GuestProgram.Find(say);
        return new GuestTools(qemu, GuestImage.Make(cache, program), program.ReadyToRun, InstructionPlugin.TryMake(cache, qemu, say));
    }

    /// <summary>The same for guests that measure time, where nobody tells user mode from the kernel.</summary>
    /// <exception cref="HarnessException">There is no emulator or no KVM, or no image can be made.</exception>
    public static GuestTools Timed(KernelCache cache, string? emulator, Action<string> say)
    {
        Qemu qemu = Qemu.Find(emulator) with { Mode = GuestFacts.Timed };
        KvmTrial.RequireDevice(qemu);
        GuestProgram program = GuestProgram.Find(say);
        return new GuestTools(qemu, GuestImage.Make(cache, program), program.ReadyToRun, null);
    }
}
