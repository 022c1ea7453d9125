using System.Globalization;
using System.IO.Compression;
using System.Text;

namespace Harness.Kernels.Hunt;

/// <summary>A kernel's functions by their addresses, from <c>/proc/kallsyms</c> of a guest that was booted without randomized addresses.</summary>
internal sealed class KernelSymbols
{
    private const ulong KernelHalf = 1UL << 63;

    private readonly ulong[] _addresses;
    private readonly string[] _names;

    private KernelSymbols(SortedDictionary<ulong, string> symbols)
    {
        _addresses = [.. symbols.Keys];
        _names = [.. symbols.Values];
    }

    /// <summary>How many there are.</summary>
    public int Count => _addresses.Length;

    /// <summary>Reads lines of <c>ADDRESS TYPE NAME [MODULE]</c>.</summary>
    public static KernelSymbols Parse(string text)
    {
        var symbols = new SortedDictionary<ulong, string>();
        foreach (string line in text.Split('\n'))
        {
            if (line.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries) is [var hex, var type, var name, ..]
                && type is "t" or "T" or "w" or "W"
                && ulong.TryParse(hex, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong address) && address >= KernelHalf)
            {
                symbols[address] = symbols.TryGetValue(address, out string? other) ? Better(other, name) : name;
            }
        }
        return new KernelSymbols(symbols);
    }

    /// <summary>Reads what <c>guest-init.sh</c> sends: base64 of what gzip made of them.</summary>
    /// <exception cref="HarnessException">It is cut, or no kernel's.</exception>
    public static KernelSymbols Unpack(string packed)
    {
        try
        {
            using var unzip = new GZipStream(new MemoryStream(Convert.FromBase64String(packed)), CompressionMode.Decompress);
            using var reader = new StreamReader(unzip, Encoding.ASCII);
            KernelSymbols symbols = Parse(reader.ReadToEnd());
            return symbols.Count > 0 ? symbols : throw new InvalidDataException("there is no address in it");
        }
        catch (Exception e) when (e is FormatException or InvalidDataException)
        {
            throw new HarnessException(ExitCode.Failed, $"the guest's /proc/kallsyms cannot be read: {OneLine.Of(e.Message)}; the kernel may have been built without CONFIG_KALLSYMS", e);
        }
    }

    /// <summary>The function that an address lies in; null below the first and in what is not the kernel's code.</summary>
    public string? Find(ulong address)
    {
        int at = Array.BinarySearch(_addresses, address);
        at = at < 0 ? ~at - 1 : at;
        return at < 0 ? null : Plain(_names[at]);
    }

    // Compilers make copies of functions and say how, each in its own way: name.isra.0, name.constprop.0, name.cold.
    private static string Plain(string name) => name.IndexOf('.', StringComparison.Ordinal) is > 0 and var dot ? name[..dot] : name;

    // Several names of one address: the one that is not a calling convention's alias, else the first of the alphabet, the same on every kernel.
    private static string Better(string one, string other) => (IsAlias(one), IsAlias(other)) switch
    {
        (true, false) => other,
        (false, true) => one,
        _ => string.CompareOrdinal(one, other) <= 0 ? one : other,
    };

    private static bool IsAlias(string name) => name.StartsWith("__ia32_", StringComparison.Ordinal) || name.StartsWith("__pfx_", StringComparison.Ordinal);
}
