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

    private const string Sysctl = "/proc/sys/kernel/io_uring_disabled";

    /// <summary>Asks the kernel.</summary>
    public static RingFacts Read()
    {
        var disabled = File.Exists(Sysctl) ? File.ReadAllText(Sysctl).Trim() : null;
        return disabled == "2"
            ? new RingFacts { Available = false, Refusal = "the sysctl kernel.io_uring_disabled is 2", Remedy = "sysctl -w kernel.io_uring_disabled=0" }
            : new RingFacts { Available = true };
    }
}
