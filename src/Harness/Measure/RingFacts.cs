using Harness.Io;

namespace Harness.Measure;

/// <summary>What this process may do with io_uring.</summary>
internal sealed record RingFacts
{
    /// <summary>Whether a ring can be created.</summary>
    public required bool Available { get; init; }

    /// <summary>Why not: seccomp, the sysctl or an old kernel; null where it can.</summary>
    public string? Refusal { get; init; }

    /// <summary>What to do about it; null where there is nothing to do.</summary>
    public string? Remedy { get; init; }

    /// <summary>The feature bits, by their names in <c>linux/io_uring.h</c>; empty where not known.</summary>
    public string Features { get; init; } = "";

    /// <summary>The set-up flags that the kernel granted to a loop's ring, by name; empty where not known.</summary>
    public string SetupFlags { get; init; } = "";

    /// <summary>The supported operations, by name; empty where not known.</summary>
    public IReadOnlyList<string> Opcodes { get; init; } = [];

    /// <summary>Asks the kernel by making a small ring.</summary>
    public static RingFacts Read()
    {
        if (RingProbe.TryRun(out RingProbe? probe, out RingUnavailableException? reason))
        {
            return new RingFacts
            {
                Available = true,
                Features = probe.Features.ToNames(),
                SetupFlags = probe.Flags.ToNames(),
                Opcodes = [.. Enum.GetValues<RingOpcode>().Where(probe.IsSupported).Select(o => o.ToString())],
            };
        }

        // The message is the refusal, then the remedy.
        string[] parts = reason.Message.Split("; ", 2);
        return new RingFacts { Available = false, Refusal = parts[0], Remedy = parts.ElementAtOrDefault(1) };
    }
}
