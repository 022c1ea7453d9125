using System.Globalization;

namespace Harness.Kernels.Guest;

/// <summary>What the plugin counted between the two marks of a cell: all that the guest's CPU ran, both processes and the kernel.</summary>
/// <param name="User">Instructions in user mode.</param>
/// <param name="Kernel">Instructions in the kernel.</param>
/// <param name="Blocks">Those of the kernel by the address of their block; empty where they were not told apart.</param>
internal sealed record InstructionWindow(long User, long Kernel, IReadOnlyDictionary<ulong, long> Blocks);

/// <summary>Reads what <c>count-instructions.c</c> writes.</summary>
/// <param name="path">Its file, which need not be there.</param>
internal sealed class InstructionWindows(string path)
{
    private readonly GrowingFile _file = new(path);
    private readonly Dictionary<int, InstructionWindow> _windows = [];
    private Dictionary<ulong, long> _blocks = [];

    /// <summary>The window of a cell; null where none was counted.</summary>
    public InstructionWindow? Find(int cell)
    {
        foreach (string line in _file.NewLines())
        {
            switch (line.Split(' '))
            {
                case ["block", var address, var count]:
                    _blocks[ulong.Parse(address, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture)] = Number(count);
                    break;
                case ["window", var number, var user, var kernel]:
                    _windows[(int)Number(number)] = new InstructionWindow(Number(user), Number(kernel), _blocks);
                    _blocks = [];
                    break;
                default:
                    break;
            }
        }
        return _windows.GetValueOrDefault(cell);
    }

    private static long Number(string text) => long.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture);
}
