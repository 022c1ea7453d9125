using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Harness.Results;

namespace Harness.Compare;

/// <summary>A fact that the two runs do not share. Null where a run does not have it.</summary>
internal sealed record FactDifference(string Fact, string? Base, string? New)
{
    public override string ToString() => $"{Fact} is '{Base ?? "not recorded"}' in BASE and '{New ?? "not recorded"}' in NEW";
}

/// <summary>
/// The facts of a run that must match before figures of two runs may be held against each other: all of <c>environment</c> in <c>run.json</c>, where
/// the two processes were pinned, and how long they measured. Not the commit and the time, which are what is compared.
/// </summary>
internal sealed class Fingerprint
{
    /// <summary>The one factor that may be declared: <c>--factor kernel</c>.</summary>
    public const string KernelFactor = "kernel";

    /// <summary>What figures of guests are, counts or times.</summary>
    public const string GuestMode = "guest.mode";

    // What the machine happened to be doing is no fact about it.
    private static readonly string[] Fleeting = ["environment.load_average1_min"];

    // Here null does not mean that nobody looked: there is no hypervisor, no governor, no pinning.
    private static readonly string[] NoneIsAFact = ["environment.hypervisor", "environment.governor", "server_cpu", "load_cpu"];

    // Names come and go with the settings, so all of them together are one fact.
    private static readonly string[] OneFact = ["environment.dotnet.knobs"];

    // What a kernel is, and what it brings along. TCP's settings and the command line are chosen apart from it, so they still have to match.
    private static readonly string[] OfTheKernel =
        ["environment.kernel_release", "environment.kernel_version", "environment.mitigations.", "environment.io_uring.", "environment.memory_bytes"];

    // In a guest nothing but the kernel sets these, so they are what it brings along; nor is there another machine than the kernel's name.
    private static readonly string[] OfAGuestsKernel =
    [
        "environment.clocksource", "environment.default_qdisc", "environment.governor", "environment.io_uring_disabled", "environment.limit_",
        "environment.rmem_max", "environment.wmem_max", "environment.tcp_", "environment.microcode", "environment.cpu_model", "environment.smt",
        "environment.boost", "environment.idle_", "environment.guest_halt_poll_ns", "environment.hypervisor", "guest.kernel", "machine",
    ];

    /// <summary>Twelve hexadecimal digits of the SHA-256 over all facts: equal where all facts are.</summary>
    public string Hash => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Lines())))[..12];

    private readonly SortedDictionary<string, string?> _facts = new(StringComparer.Ordinal);

    private Fingerprint()
    {
    }

    public static Fingerprint Of(RunRecord run)
    {
        var fingerprint = new Fingerprint();
        fingerprint.Flatten("environment", JsonSerializer.SerializeToNode(run.Environment, ResultsJson.Line.EnvironmentFacts));
        foreach (string fact in Fleeting)
        {
            fingerprint._facts.Remove(fact);
        }
        fingerprint._facts["server_cpu"] = run.ServerCpu?.ToString(CultureInfo.InvariantCulture);
        fingerprint._facts["load_cpu"] = run.LoadCpu?.ToString(CultureInfo.InvariantCulture);
        foreach (string fact in NoneIsAFact)
        {
            fingerprint._facts[fact] = fingerprint._facts.GetValueOrDefault(fact) ?? "none";
        }
        fingerprint._facts["machine"] = run.Machine;
        if (run.TcpCongestionControl is { } forced)
        {
            // Then the machine's default concerns no socket of ours.
            fingerprint._facts["environment.tcp_congestion_control"] = forced;
        }
        fingerprint._facts["duration_seconds"] = JsonSerializer.Serialize(run.DurationSeconds);
        fingerprint._facts["warmup_seconds"] = JsonSerializer.Serialize(run.WarmupSeconds);
        if (run.Guest is { } guest)
        {
            fingerprint._facts[GuestMode] = guest.Mode;
            fingerprint._facts["guest.qemu"] = guest.Qemu;
            fingerprint._facts["guest.machine"] = guest.Machine;
            fingerprint._facts["guest.ready_to_run"] = guest.ReadyToRun.ToString();
            fingerprint._facts["guest.ops"] = guest.Ops?.ToString(CultureInfo.InvariantCulture);
            fingerprint._facts["guest.kernel"] = guest.Kernel.Sha256;
        }
        return fingerprint;
    }

    /// <summary>The facts that forbid a verdict, in the order of their names.</summary>
    public static IReadOnlyList<FactDifference> Differences(Fingerprint was, Fingerprint now, string? factor) =>
        [.. All(was, now).Where(difference => IsRefused(difference) && !Allowed(difference, factor, AreGuests(was, now)))];

    /// <summary>The facts that only one of the two knows: worth a warning, since they may differ.</summary>
    public static IReadOnlyList<FactDifference> Unknown(Fingerprint was, Fingerprint now, string? factor) =>
        [.. All(was, now).Where(difference => !IsRefused(difference) && !IsOfTheKernel(difference.Fact, factor, AreGuests(was, now)))];

    // A null is told from an empty text.
    private string Lines() => string.Concat(_facts.Select(fact => fact.Value is null ? $"{fact.Key}\n" : $"{fact.Key}={fact.Value}\n"));

    private static IEnumerable<FactDifference> All(Fingerprint was, Fingerprint now) =>
        from fact in was._facts.Keys.Union(now._facts.Keys).Order(StringComparer.Ordinal)
        let difference = new FactDifference(fact, was._facts.GetValueOrDefault(fact), now._facts.GetValueOrDefault(fact))
        where difference.Base != difference.New
        select difference;

    // A guest beside what is none is another kind of figure, not a fact that one of them did not record.
    private static bool IsRefused(FactDifference difference) => difference is { Base: not null, New: not null } || difference.Fact == GuestMode;

    private static bool AreGuests(Fingerprint was, Fingerprint now) => was._facts.ContainsKey(GuestMode) && now._facts.ContainsKey(GuestMode);

    private static bool IsOfTheKernel(string fact, string? factor, bool guests) =>
        factor == KernelFactor && (guests ? OfTheKernel.Concat(OfAGuestsKernel) : OfTheKernel).Any(prefix => fact.StartsWith(prefix, StringComparison.Ordinal));

    // Kernels word their mitigations each in its own way; whether one is at work must be the same.
    private static bool Allowed(FactDifference difference, string? factor, bool guests) =>
        IsOfTheKernel(difference.Fact, factor, guests)
        && (guests
            || !difference.Fact.StartsWith("environment.mitigations.", StringComparison.Ordinal)
            || FirstWord(difference.Base!) == FirstWord(difference.New!));

    private static string FirstWord(string state) => state.Split(':', ' ')[0];

    private void Flatten(string path, JsonNode? node)
    {
        switch (node)
        {
            case JsonObject fields when OneFact.Contains(path):
                _facts[path] = string.Join(' ', fields.Select(field => $"{field.Key}={field.Value}"));
                break;
            case JsonObject fields:
                foreach (var (name, value) in fields)
                {
                    Flatten($"{path}.{name}", value);
                }
                break;
            case JsonArray list:
                _facts[path] = string.Join(' ', list.Select(item => item?.ToString()));
                break;
            default:
                _facts[path] = node?.ToString();
                break;
        }
    }
}
