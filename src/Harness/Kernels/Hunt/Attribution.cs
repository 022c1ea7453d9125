using Harness.Kernels.Guest;
using Harness.Results;

namespace Harness.Kernels.Hunt;

/// <summary>One cell on one kernel, by function.</summary>
/// <param name="Kernel">Which.</param>
/// <param name="Boot">Which boot of it, from 1 on.</param>
/// <param name="Load">Its figures.</param>
/// <param name="Window">What the emulator counted, by block.</param>
/// <param name="Symbols">Whose functions the blocks are.</param>
internal sealed record FunctionProfile(KernelFacts Kernel, int Boot, LoadResult Load, InstructionWindow Window, KernelSymbols Symbols)
{
    /// <summary>Instructions per operation by function; what lies in none is under <see cref="Attribution.NoSymbol"/>.</summary>
    public IReadOnlyDictionary<string, double> ByFunction() => Window.Blocks
        .GroupBy(block => Symbols.Find(block.Key) ?? Attribution.NoSymbol)
        .ToDictionary(function => function.Key, function => (double)function.Sum(block => block.Value) / Load.Ops);
}

/// <summary>Where the difference of a cell between two kernels went: what <c>harness kernels attribute --json</c> prints.</summary>
internal sealed record Attribution
{
    public const string UserCode = "(user code)";
    public const string NoSymbol = "(kernel code without a symbol)";
    public const string Rest = "(not attributed)";

    public required string Cell { get; init; }

    /// <summary>Operations of the window.</summary>
    public required long Ops { get; init; }

    public required AttributedKernel A { get; init; }
    public required AttributedKernel B { get; init; }

    /// <summary>Instructions per operation by the guest's clock, as <c>harness kernels run</c> has them.</summary>
    public required FunctionRow Total { get; init; }

    /// <summary>
    /// Parts of <see cref="Total"/>, which they sum to, by the size of the difference: functions of the kernel, user code, kernel code without a symbol, and
    /// what is not attributed: the clock's instructions that no block between the marks has.
    /// </summary>
    public required IReadOnlyList<FunctionRow> Functions { get; init; }

    public static Attribution Of(string cell, FunctionProfile a, FunctionProfile b)
    {
        var (inA, inB) = (Parts(a), Parts(b));
        return new Attribution
        {
            Cell = cell,
            Ops = a.Load.Ops,
            A = new AttributedKernel(a.Kernel.Release, a.Kernel.Version, a.Boot),
            B = new AttributedKernel(b.Kernel.Release, b.Kernel.Version, b.Boot),
            Total = Row("", a.Load.InstructionsPerOp!.Value, b.Load.InstructionsPerOp!.Value),
            Functions =
            [
                .. inA.Keys.Union(inB.Keys)
                    .Select(name => Row(name, inA.GetValueOrDefault(name), inB.GetValueOrDefault(name)))
                    .OrderByDescending(row => Math.Abs(row.Difference))
                    .ThenBy(row => row.Function, StringComparer.Ordinal),
            ],
        };
    }

    private static Dictionary<string, double> Parts(FunctionProfile profile)
    {
        double ops = profile.Load.Ops;
        return new Dictionary<string, double>(profile.ByFunction())
        {
            [UserCode] = profile.Window.User / ops,
            [Rest] = profile.Load.InstructionsPerOp!.Value - ((profile.Window.User + profile.Window.Kernel) / ops),
        };
    }

    private static FunctionRow Row(string function, double a, double b) => new(function, Math.Round(a, 3), Math.Round(b, 3), Math.Round(b - a, 3));
}

/// <summary>One of the two kernels.</summary>
/// <param name="Release">As <c>uname -r</c> prints it.</param>
/// <param name="Version">Its package's version; null of one that was given by its path.</param>
/// <param name="Boot">Which of its boots, from 1 on; each has its own random numbers.</param>
internal sealed record AttributedKernel(string Release, string? Version, int Boot);

/// <summary>A function on both kernels, in instructions per operation.</summary>
/// <param name="Function">Its name, without what a compiler hangs on it; empty for the total.</param>
/// <param name="A">On A; 0 where it did not run.</param>
/// <param name="B">On B.</param>
/// <param name="Difference">B less A.</param>
internal sealed record FunctionRow(string Function, double A, double B, double Difference);
