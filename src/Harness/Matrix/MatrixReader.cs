using System.Globalization;
using Harness.Events;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Harness.Matrix;

/// <summary>
/// Reads a matrix file. Every mistake is one line: <c>file:line: key: what is wrong, and what is legal</c>.
/// The keys are the axes and the settings of <c>bench/README.md</c>; under <c>brief:</c> any of them again, for a short run of the same matrix.
/// </summary>
internal sealed class MatrixReader
{
    private const int MaxNesting = 32;

    private static readonly string[] Settings = ["rounds", "seed", "duration", "warmup", "ops", "gc_pass", "timeline_pass"];
    private static readonly string[] Keys = [.. Settings, .. Axis.Names, "parts", "cells", "brief"];

    private readonly string _path;
    private readonly Dictionary<string, string[]> _values = Axis.All.ToDictionary(axis => axis.Name, axis => axis.Default);
    private YamlNode? _cells;
    private IReadOnlyList<IReadOnlyDictionary<string, string[]>> _parts = [];
    private int _rounds = 3;
    private ulong _seed = 1;
    private TimeSpan _duration = TimeSpan.FromSeconds(1);
    private TimeSpan _warmup = TimeSpan.FromMilliseconds(500);
    private long? _ops;
    private bool _gcPass;
    private bool _timelinePass;

    private MatrixReader(string path) => _path = path;

    /// <param name="path">The file, as the user wrote it: errors name it that way.</param>
    /// <param name="brief">Whether what stands under <c>brief:</c> replaces what stands above it.</param>
    /// <exception cref="HarnessException">With <see cref="ExitCode.Usage"/>; the message is the one line.</exception>
    public static MatrixDefinition Read(string path, bool brief)
    {
        string text;
        try
        {
            text = File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new HarnessException(ExitCode.Usage, $"cannot read the matrix '{path}': {Reason(path, e)}", e);
        }
        return new MatrixReader(path).Parse(text, brief);
    }

    private MatrixDefinition Parse(string text, bool brief)
    {
        var root = Root(text);
        YamlMappingNode? briefSection = null;
        foreach (var (key, value) in Entries(root))
        {
            if (key.Value == "brief")
            {
                briefSection = value as YamlMappingNode ?? throw Error(value, "brief: expected keys under it, as in 'brief: { rounds: 1, duration: 100ms }'");
                continue;
            }
            Apply(key, value);
        }
        // Read even when it is not asked for, so that a mistake in it does not wait for the day it is.
        var outside = brief ? this : new MatrixReader(_path);
        foreach (var (key, value) in Entries(briefSection))
        {
            outside.Apply(key, value);
        }
        RequireRate(root, briefSection);
        RequireVariants(root, briefSection);
        return OnlyNamed(new MatrixDefinition
        {
            Name = Path.GetFileNameWithoutExtension(_path),
            Text = text,
            Rounds = _rounds,
            Seed = _seed,
            Duration = _duration,
            Warmup = _warmup,
            Ops = _ops,
            GcPass = _gcPass,
            TimelinePass = _timelinePass,
            Values = _values,
            Parts = _parts,
        });
    }

    /// <summary>Leaves of all combinations those that stand under <c>cells:</c>, where it is there.</summary>
    private MatrixDefinition OnlyNamed(MatrixDefinition matrix)
    {
        if (_cells is null)
        {
            return matrix;
        }
        string[] all = [.. matrix.Combinations().Select(cell => cell.Id)];
        var named = Items("cells", _cells, text => all.Contains(text) ? text : throw new FormatException(NoSuchCell(text, all)));
        return named.Length > 0 ? matrix with { Only = named } : throw Error(_cells, "cells: the list is empty; leave the key out for all combinations");
    }

    private static string NoSuchCell(string id, string[] all) =>
        $"no combination of the axes is '{id}'" + (Suggest.Closest(id, all) is { } closest ? $"; did you mean '{closest}'?" : $"; the first is '{all[0]}'");

    /// <summary>Arrivals without any rate would be a matrix that silently measures something else.</summary>
    private void RequireRate(YamlMappingNode root, YamlMappingNode? brief)
    {
        var asked = _parts.Append(_values).Any(part => part.TryGetValue("arrivals", out var arrivals) && arrivals.Any(word => word != "constant"));
        var rated = _parts.Append(_values).Any(part => part.TryGetValue("rate", out var rates) && rates.Any(rate => rate != Vocabulary.ClosedLoop));
        if (asked && !rated)
        {
            var key = Entries(brief).Concat(Entries(root)).First(entry => entry.Key.Value is "arrivals" or "parts").Key;
            throw Error(key, "arrivals: a closed loop has no arrivals; give rates too, as in 'rate: [10k, 20k]'");
        }
    }

    /// <summary>A variant that no backend beside it has would be a matrix that silently measures less than it says.</summary>
    private void RequireVariants(YamlMappingNode root, YamlMappingNode? brief)
    {
        foreach (var part in _parts.Count == 0 ? [_values] : _parts)
        {
            string[] Of(string axis) => part.TryGetValue(axis, out var own) ? own : _values[axis];
            var (backends, variants) = (Of("backend"), Of("variant"));
            if (!Of("layer").Contains(Vocabulary.Events) || variants == EventVariants.Names)
            {
                continue;
            }
            if (Array.Find(variants, name => !backends.Any(backend => EventVariants.Find(backend, name) is not null)) is { } nobodys)
            {
                var key = Entries(brief).Concat(Entries(root)).First(entry => entry.Key.Value is "variant" or "parts").Key;
                throw Error(key, $"variant: {EventVariants.NoneOf(backends, [nobodys])}");
            }
        }
    }

    private YamlMappingNode Root(string text)
    {
        var yaml = new YamlStream();
        var parser = new Parser(new StringReader(text));
        try
        {
            CheckNesting(text);
            yaml.Load(parser);
        }
        catch (YamlException e)
        {
            throw Error(e.Start.Line, $"not valid YAML: {OneLine.Of(e.Message)}");
        }
        catch (InvalidOperationException)
        {
            // The library's answer to a list or a mapping in braces that never ends; it says no more than that.
            throw Error(parser.Current?.End.Line ?? 1, "not valid YAML: a bracket or a brace that was opened before here is not closed");
        }
        if (yaml.Documents.Count > 1)
        {
            throw Error(yaml.Documents[1].RootNode, "a second document begins; one matrix is one document, so make it a file of its own");
        }
        return yaml.Documents.Count > 0 && yaml.Documents[0].RootNode is YamlMappingNode root
            ? root
            : throw Error(1, $"expected 'key: value' lines; legal keys: {string.Join(", ", Keys)}");
    }

    // The library builds its nodes by recursion, and a stack that overflows ends the process.
    private void CheckNesting(string text)
    {
        var parser = new Parser(new StringReader(text));
        for (var depth = 0; parser.MoveNext();)
        {
            depth += parser.Current!.NestingIncrease;
            if (depth > MaxNesting)
            {
                throw Error(parser.Current.Start.Line, $"nested more than {MaxNesting} deep; a matrix needs three");
            }
        }
    }

    private IEnumerable<(YamlScalarNode Key, YamlNode Value)> Entries(YamlMappingNode? mapping)
    {
        foreach (var (key, value) in mapping ?? [])
        {
            yield return (key as YamlScalarNode ?? throw Error(key, "a key must be one word"), value);
        }
    }

    private void Apply(YamlScalarNode key, YamlNode value)
    {
        var name = key.Value ?? "";
        if (Axis.All.FirstOrDefault(axis => axis.Name == name) is { } axis)
        {
            _values[name] = AxisValues(axis, value);
            return;
        }
        switch (name)
        {
            case "rounds":
                _rounds = Checked(name, value, text => Vocabulary.Count(text, 1, 1000));
                break;
            case "seed":
                _seed = Checked(name, value, Vocabulary.Seed);
                break;
            case "duration":
                _duration = Checked(name, value, text => Positive(text, Units.ParseTime(text)));
                break;
            case "warmup":
                _warmup = Checked(name, value, Units.ParseTime);
                break;
            case "ops":
                _ops = Checked(name, value, text => (long)Vocabulary.Count(text, 1, int.MaxValue));
                break;
            case "cells":
                _cells = value;
                break;
            case "gc_pass":
                _gcPass = Checked(name, value, text => Vocabulary.Word("value", text, Vocabulary.YesOrNo) == "true");
                break;
            case "timeline_pass":
                _timelinePass = Checked(name, value, text => Vocabulary.Word("value", text, Vocabulary.YesOrNo) == "true");
                break;
            case "parts":
                _parts = Parts(value);
                break;
            case "brief":
                throw Error(key, "brief: cannot stand under itself; its keys are those of the matrix");
            default:
                throw Error(key, Suggest.Unknown("key", name, Keys));
        }
    }

    private IReadOnlyList<IReadOnlyDictionary<string, string[]>> Parts(YamlNode node)
    {
        if (node is not YamlSequenceNode { Children.Count: > 0 } list)
        {
            throw Error(node, "parts: expected a list of axes with their values, as in '- { depth: 1, rw: [read, write] }'");
        }
        return [.. list.Select(Part)];
    }

    private Dictionary<string, string[]> Part(YamlNode node)
    {
        var axes = new Dictionary<string, string[]>();
        foreach (var (key, value) in Entries(node as YamlMappingNode ?? throw Error(node, "parts: expected axes with their values, as in '- { depth: 1 }'")))
        {
            var axis = Axis.All.FirstOrDefault(axis => axis.Name == key.Value)
                ?? throw Error(key, $"parts: {Suggest.Unknown("axis", key.Value ?? "", Axis.Names)}");
            axes[axis.Name] = AxisValues(axis, value);
        }
        return axes;
    }

    private string[] AxisValues(Axis axis, YamlNode node)
    {
        var values = Items(axis.Name, node, axis.Canonical);
        return values.Length > 0
            ? values
            : throw Error(node, $"{axis.Name}: the list is empty; leave the key out for its default ({string.Join(", ", axis.Default)})");
    }

    /// <summary>One value or a list of them, none of them twice.</summary>
    private string[] Items(string name, YamlNode node, Func<string, string> canonical)
    {
        var values = node is YamlSequenceNode list ? list.Select(item => Checked(name, item, canonical)).ToArray() : [Checked(name, node, canonical)];
        var twice = values.GroupBy(value => value).FirstOrDefault(group => group.Count() > 1);
        return twice is null ? values : throw Error(node, $"{name}: '{twice.Key}' is there twice");
    }

    private T Checked<T>(string name, YamlNode node, Func<string, T> parse)
    {
        if (node is not YamlScalarNode { Value: { } text })
        {
            throw Error(node, $"{name}: expected one value");
        }
        try
        {
            return parse(text);
        }
        catch (FormatException e)
        {
            // "backend: unknown backend 'x'" would say it twice.
            var prefix = e.Message.StartsWith($"unknown {name} ", StringComparison.Ordinal) ? "" : $"{name}: ";
            throw Error(node, prefix + e.Message);
        }
    }

    private static TimeSpan Positive(string text, TimeSpan time) =>
        time > TimeSpan.Zero ? time : throw new FormatException($"'{text}' measures nothing; write a time above zero");

    private HarnessException Error(YamlNode node, string message) => Error(node.Start.Line, message);

    private HarnessException Error(long line, string message) => new(ExitCode.Usage, string.Create(CultureInfo.InvariantCulture, $"{_path}:{line}: {message}"));

    private static string Reason(string path, Exception e) => e switch
    {
        FileNotFoundException or DirectoryNotFoundException => "there is no such file; the matrices are in bench/",
        ArgumentException => "the name is empty; leave it out for bench/smoke.yml",
        UnauthorizedAccessException => Directory.Exists(path) ? "it is a folder; give a file, like bench/smoke.yml" : "permission denied",
        _ => e.Message,
    };
}
