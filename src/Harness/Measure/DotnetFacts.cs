using System.Collections;
using System.Diagnostics;
using System.Reflection;
using System.Runtime;
using System.Runtime.InteropServices;

namespace Harness.Measure;

/// <summary>The runtime that measures, and the knobs that move its figures.</summary>
internal sealed record DotnetFacts
{
    public required string Version { get; init; }
    public required string Architecture { get; init; }

    /// <summary><c>workstation</c> or <c>server</c>, and whether a background collector runs.</summary>
    public required string GcMode { get; init; }

    public required bool TieredCompilation { get; init; }
    public required bool TieredPgo { get; init; }

    /// <summary>Whether the program was built without optimization.</summary>
    public required bool DebugBuild { get; init; }

    /// <summary>Environment variables that set the runtime's knobs.</summary>
    public required IReadOnlyDictionary<string, string> Knobs { get; init; }

    // Only what changes how code is compiled or memory collected: other DOTNET_ variables concern the SDK, and hold paths.
    private static readonly string[] KnobPrefixes =
    [
        "DOTNET_gc", "DOTNET_Tiered", "DOTNET_TC_", "DOTNET_ReadyToRun", "DOTNET_OSR", "DOTNET_Enable", "DOTNET_ThreadPool",
    ];

    public static DotnetFacts Read()
    {
        var background = !AppContext.TryGetSwitch("System.GC.Concurrent", out var concurrent) || concurrent;
        return new DotnetFacts
        {
            Version = RuntimeInformation.FrameworkDescription,
            Architecture = RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant(),
            GcMode = (GCSettings.IsServerGC ? "server" : "workstation") + (background ? ", concurrent" : ", not concurrent"),
            TieredCompilation = Knob("System.Runtime.TieredCompilation", "DOTNET_TieredCompilation"),
            TieredPgo = Knob("System.Runtime.TieredPGO", "DOTNET_TieredPGO"),
            DebugBuild = typeof(DotnetFacts).Assembly.GetCustomAttribute<DebuggableAttribute>()?.IsJITOptimizerDisabled ?? false,
            Knobs = Environment.GetEnvironmentVariables().Cast<DictionaryEntry>()
                .Select(entry => (Name: (string)entry.Key, Value: entry.Value as string ?? ""))
                .Where(entry => KnobPrefixes.Any(prefix => entry.Name.StartsWith(prefix, StringComparison.OrdinalIgnoreCase)))
                .OrderBy(entry => entry.Name, StringComparer.Ordinal)
                .ToDictionary(entry => entry.Name, entry => entry.Value),
        };
    }

    // Both are on unless the variable or the project's setting turns them off; the variable wins.
    private static bool Knob(string name, string variable) =>
        Environment.GetEnvironmentVariable(variable) is { Length: > 0 } text ? text.Trim() != "0" : !AppContext.TryGetSwitch(name, out var on) || on;
}
