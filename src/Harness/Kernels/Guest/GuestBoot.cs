using System.Diagnostics;
using Harness.Matrix;
using Harness.Run;

namespace Harness.Kernels.Guest;

/// <summary>One boot of one kernel: starts the emulator, passes on what the guest says as it says it, and finds out why a guest that ends early did.</summary>
/// <param name="qemu">The emulator.</param>
/// <param name="image">The root file system.</param>
/// <param name="silence">How long a guest may say nothing before it counts as hanging; host time.</param>
internal sealed class GuestBoot(Qemu qemu, GuestImage image, TimeSpan silence)
{
    /// <summary>How the reason begins where a kernel ended by itself.</summary>
    public const string Panicked = "the kernel panicked";

    private static readonly TimeSpan s_look = TimeSpan.FromMilliseconds(200);

    // A kernel may print for minutes before init says its first word, but not for ever.
    private const int SilencesToBegin = 3;

    /// <summary>Tells instructions in user mode from those in the kernel; null where nobody does.</summary>
    public InstructionPlugin? Plugin { get; init; }

    /// <summary>Whether <see cref="Plugin"/> tells the kernel's by block.</summary>
    public bool ByBlock { get; init; }

    /// <param name="kernel">The kernel.</param>
    /// <param name="plan">What to measure.</param>
    /// <param name="mitigations">As the axis has it.</param>
    /// <param name="seed">Of the guest's random numbers.</param>
    /// <param name="hear">Called with each thing that the guest says.</param>
    /// <param name="cancel">Ends it with an exception.</param>
    /// <returns>Null where the guest went through its plan; else why it did not, in one line.</returns>
    public Task<string?> RunAsync(CachedKernel kernel, GuestPlan plan, string mitigations, int seed, Action<GuestSays> hear, CancellationToken cancel)
    {
        var own = new CpioArchive();
        own.AddText("plan", plan.Script(), executable: false);
        return RunAsync(kernel, [own], mitigations, seed, hear, cancel);
    }

    /// <param name="own">What this boot has beside the image, a plan among it.</param>
    /// <inheritdoc cref="RunAsync(CachedKernel, GuestPlan, string, int, Action{GuestSays}, CancellationToken)"/>
    public async Task<string?> RunAsync(
        CachedKernel kernel, IReadOnlyList<CpioArchive> own, string mitigations, int seed, Action<GuestSays> hear, CancellationToken cancel)
    {
        try
        {
            return await BootAsync(kernel, own, mitigations, seed, hear, cancel);
        }
        catch (HarnessException e)
        {
            // An emulator that cannot be started, no room for an initrd: this boot's trouble, and the next may have less.
            return e.Message;
        }
        catch (Exception e) when (FileTrouble.Is(e))
        {
            return $"cannot keep this boot's files in '{Path.GetTempPath()}': {OneLine.Of(e.Message).TrimEnd('.')}; make room there, or set TMPDIR";
        }
    }

    private async Task<string?> BootAsync(
        CachedKernel kernel, IReadOnlyList<CpioArchive> own, string mitigations, int seed, Action<GuestSays> hear, CancellationToken cancel)
    {
        using var scratch = new ScratchFolder();
        WriteInitrd(scratch.File("initrd"), own);
        using var process = ChildProcess.Start(
            qemu.CommandLine(
                kernel.Image, scratch.File("initrd"), mitigations, seed, scratch.File("console"), scratch.File("results"),
                Plugin?.Arguments(scratch.File("windows"), ByBlock)),
            scratch);
        var console = new GrowingFile(scratch.File("console"));
        var results = new GrowingFile(scratch.File("results"));
        var windows = new InstructionWindows(scratch.File("windows"));
        var lastSign = Stopwatch.StartNew();
        var booting = Stopwatch.StartNew();
        bool spoke = false;
        bool ended = false;
        while (true)
        {
            bool exited = process.HasExited;
            foreach (string line in results.NewLines())
            {
                if (GuestSays.Read(line) is { } said)
                {
                    ended |= said is GuestSays.End;
                    hear(said is GuestSays.Measured measured ? measured with { Window = windows.Find(measured.Cell) } : said);
                }
            }
            spoke |= results.Grew;
            // Once init speaks, what the kernel prints is no sign of life: one that complains every few seconds of what hangs would hang for ever.
            bool printed = console.NewLines().Count > 0;
            if (results.Grew || (printed && !spoke && booting.Elapsed < SilencesToBegin * silence))
            {
                lastSign.Restart();
            }
            if (exited)
            {
                await process.WaitAsync(cancel);
                // Ctrl-C goes to the emulator as well, which may end before we have heard of it: that is no fault of the guest.
                await Task.Delay(ended ? TimeSpan.Zero : s_look, cancel);
                return ended ? null : Ending(process, console);
            }
            if (lastSign.Elapsed > silence)
            {
                // One that has done all of it and does not switch itself off has done all of it.
                return ended ? null : $"the guest hangs: no sign of it for {Units.FormatTime(silence)}{LastLine(console)}";
            }
            await Task.Delay(s_look, cancel);
        }
    }

    // The kernel unpacks one archive after the other, so the image stays the same file for every plan.
    private void WriteInitrd(string path, IReadOnlyList<CpioArchive> own)
    {
        try
        {
            File.Copy(image.Path, path);
            using var stream = new FileStream(path, FileMode.Append);
            foreach (CpioArchive archive in own)
            {
                archive.Write(stream);
            }
        }
        catch (Exception e) when (FileTrouble.Is(e))
        {
            throw new HarnessException(ExitCode.Failed, $"cannot write a guest's initrd to '{path}': {FileTrouble.Reason(e, path)}; make room there, or set TMPDIR", e);
        }
    }

    private static string Ending(ChildProcess process, GrowingFile console)
    {
        if (console.Lines.LastOrDefault(line => line.Contains("Kernel panic", StringComparison.Ordinal)) is { } panic)
        {
            return $"{Panicked}: {panic[panic.IndexOf("Kernel panic", StringComparison.Ordinal)..].Trim()}";
        }
        return process.ExitCode == 0 ? $"the guest ended before its plan did{LastLine(console)}" : $"the emulator {process.Ending()}";
    }

    private static string LastLine(GrowingFile console) =>
        console.Lines.LastOrDefault(line => line.Trim().Length > 0) is { } line ? $"; the last line of its console: {line.Trim()}" : "; its console is empty";
}
