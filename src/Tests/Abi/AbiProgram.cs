using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;

namespace Harness.Tests;

/// <summary>A C program that compiles only if our layouts and constants are those of the headers: one <c>_Static_assert</c> for each.</summary>
internal sealed class AbiProgram
{
    private readonly StringBuilder _source = new();
    private readonly string _headers;
    private readonly HashSet<string> _known;

    public AbiProgram(params string[] headers)
    {
        _headers = string.Concat(headers.Append("stddef.h").Select(h => $"#include <{h}>\n"));
        _known = Regex.Matches(CCompiler.Preprocess(_headers), @"[A-Za-z_]\w*").Select(m => m.Value).ToHashSet();
    }

    /// <summary>Names that these headers do not have: they are newer.</summary>
    public SortedSet<string> Missing { get; } = [];

    /// <summary>Assertions in the program.</summary>
    public int Count { get; private set; }

    public string Source => _headers + _source;

    public void Constant(string name, object value)
    {
        if (!_known.Contains(name))
        {
            Missing.Add(name);
            return;
        }

        // Compared as 64 bits with the sign kept, whatever type either side has.
        string number = Convert.ToString(value, CultureInfo.InvariantCulture)!;
        Assert_($"(long long)({name}) == {number}LL", $"{name} is not {number}");
    }

    public void Struct(Type type, string cName, int size)
    {
        Assert_($"sizeof({cName}) == {size}", $"sizeof {type.Name} is not {size}");
    }

    public void Field(string cName, string field, int offset, int size)
    {
        Assert_($"offsetof({cName}, {field}) == {offset}", $"{cName}.{field} is not at {offset}");
        Assert_($"sizeof((({cName}*)0)->{field}) == {size}", $"{cName}.{field} does not have {size} bytes");
    }

    /// <summary>Whether the header's structure has such a field; asked of the compiler, since other structures may have one of that name.</summary>
    public bool Has(string cName, string field) => CCompiler.Check($"{_headers}int probe = sizeof((({cName}*)0)->{field});\n").Ok;

    /// <summary>All literal fields of a binding class with C's names, and members of an enumeration behind a prefix.</summary>
    public void Constants(Type type, string prefix = "")
    {
        foreach (FieldInfo field in type.GetFields(BindingFlags.Static | BindingFlags.Public).Where(f => f.IsLiteral))
        {
            object value = field.GetRawConstantValue()!;
            // NONE is ours: C writes 0.
            if (field.Name != "NONE")
            {
                Constant(prefix + field.Name, value);
            }
        }
    }

    private void Assert_(string condition, string message)
    {
        Count++;
        _source.Append(CultureInfo.InvariantCulture, $"_Static_assert({condition}, \"{message}\");\n");
    }
}

/// <summary>A structure as we lay it out: what the C compiler is asked to confirm.</summary>
internal sealed record AbiLayout(string CName, Type Type, IReadOnlyDictionary<string, (int Offset, int Size)> Fields)
{
    public int Size => Marshal.SizeOf(Type);

    public static AbiLayout Of(Type type, string? cName = null) => new(cName ?? $"struct {type.Name}", type,
        type.GetFields(BindingFlags.Instance | BindingFlags.Public).ToDictionary(f => f.Name, f => ((int)Marshal.OffsetOf(type, f.Name), SizeOf(f.FieldType))));

    public void AddTo(AbiProgram program, IReadOnlyDictionary<string, string> olderNames)
    {
        program.Struct(Type, CName, Size);
        foreach ((string name, (int offset, int size)) in Fields)
        {
            // A field that was padding in an older header keeps its place there.
            string inHeader = olderNames.TryGetValue($"{CName}.{name}", out string? older) && !program.Has(CName, name) ? older : name;
            program.Field(CName, inHeader, offset, size);
        }
    }

    private static int SizeOf(Type type) => type.IsEnum ? Marshal.SizeOf(Enum.GetUnderlyingType(type)) : type.IsPointer ? IntPtr.Size : Marshal.SizeOf(type);
}
