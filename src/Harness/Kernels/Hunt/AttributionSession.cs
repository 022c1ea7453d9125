using System.Text;
using Harness.Kernels.Guest;
using Harness.Matrix;
using Harness.Results;

namespace Harness.Kernels.Hunt;

/// <summary>Boots a kernel for one cell, counted by block, and asks it for its symbols once.</summary>
/// <param name="cache">Where symbols are kept, by the kernel's hash.</param>
/// <param name="tools">What a boot needs; with a plugin.</param>
/// <param name="silence">How long a guest may say nothing.</param>
/// <param name="say">Told what goes on.</param>
internal sealed class AttributionSession(KernelCache cache, GuestTools tools, TimeSpan silence, Action<string> say)
{
    /// <param name="kernel">Which.</param>
    /// <param name="boot">Which of its boots, from 1 on: as the matrix's rounds, each with its own random numbers.</param>
    /// <param name="matrix">How many operations, and the seed.</param>
    /// <param name="cell">Which.</param>
    /// <param name="stop">Ends it.</param>
    /// <exception cref="HarnessException">The guest did not come through it.</exception>
    public FunctionProfile Profile(CachedKernel kernel, int boot, MatrixDefinition matrix, Cell cell, CancellationToken stop)
    {
        string symbolFile = cache.Folder($"symbols/{kernel.Facts.Sha256}.gz.base64");
        bool asks = !File.Exists(symbolFile);
        var plan = new GuestPlan([cell], matrix.Ops!.Value, matrix.Seed, Facts: false) { Symbols = asks };
        var guest = new GuestBoot(tools.Qemu, tools.Image, silence) { Plugin = tools.Plugin, ByBlock = true };
        var packed = new StringBuilder();
        GuestSays.Measured? measured = null;
        string? not = null;
        say($"{kernel.Facts.Release}: boot {boot} for {cell.Id}{(asks ? ", and its symbols" : "")} ...");
        string? trouble = guest.RunAsync(kernel, plan, cell["mitigations"], KernelRunSession.SeedOf(matrix.Seed, boot), Hear, stop).GetAwaiter().GetResult();

        void Hear(GuestSays said)
        {
            switch (said)
            {
                case GuestSays.Symbols symbols:
                    packed.Append(symbols.Piece);
                    break;
                case GuestSays.Measured figures:
                    measured = figures;
                    break;
                case GuestSays.NotMeasured why:
                    not = why.Reason;
                    break;
                default:
                    break;
            }
        }

        if (measured is null || trouble is not null)
        {
            throw new HarnessException(ExitCode.Failed, $"{kernel.Facts.Release}: {trouble ?? not ?? "the guest said nothing about the cell"}");
        }
        LoadResult load = GuestFigures.Counted(measured.Load, measured.Window);
        if (GuestFigures.Spoiled(load) is { } spoiled)
        {
            throw new HarnessException(ExitCode.Failed, $"{kernel.Facts.Release}: {spoiled}");
        }
        InstructionWindow window = measured.Window is { Blocks.Count: > 0 } counted
            ? counted
            : throw new HarnessException(ExitCode.Failed, $"{kernel.Facts.Release}: the emulator's plugin counted nothing between the marks of the cell");
        return new FunctionProfile(kernel.Facts, boot, load, window, SymbolsOf(symbolFile, packed.ToString()));
    }

    private static KernelSymbols SymbolsOf(string file, string packed)
    {
        if (packed.Length == 0)
        {
            return KernelSymbols.Unpack(File.ReadAllText(file));
        }
        KernelSymbols symbols = KernelSymbols.Unpack(packed);
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            File.WriteAllText($"{file}.{Environment.ProcessId}", packed);
            File.Move($"{file}.{Environment.ProcessId}", file, overwrite: true);
        }
        catch (Exception e) when (FileTrouble.Is(e))
        {
            // They are asked for again the next time.
        }
        return symbols;
    }
}
