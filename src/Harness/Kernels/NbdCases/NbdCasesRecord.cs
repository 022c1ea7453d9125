namespace Harness.Kernels.NbdCases;

/// <summary>What came out on one kernel: <c>nbd.json</c> of its folder, and one of the list that <c>harness kernels nbd --json</c> prints.</summary>
internal sealed record NbdCasesRecord
{
    public required KernelFacts Kernel { get; init; }

    /// <summary>The source that the program was built from.</summary>
    public required string Commit { get; init; }

    /// <summary>The emulator's version.</summary>
    public required string Qemu { get; init; }

    /// <summary>The hash of the guests' root file system.</summary>
    public required string Image { get; init; }

    /// <summary>The guests' foreign programs: of each the beginning of its file's SHA-256.</summary>
    public required IReadOnlyDictionary<string, string> Tools { get; init; }

    public required DateTimeOffset Started { get; init; }

    /// <summary>When the last case ended; null while it goes on.</summary>
    public DateTimeOffset? Finished { get; init; }

    /// <summary>Boots that it took: one, and one more for each case that left the kernel unfit for the next.</summary>
    public required int Boots { get; init; }

    public required IReadOnlyList<NbdCaseRecord> Cases { get; init; }
}

/// <summary>What one case came to on one kernel.</summary>
internal sealed record NbdCaseRecord
{
    public required string Case { get; init; }

    /// <summary>The server's backend; null for the one that it took by itself.</summary>
    public string? Backend { get; init; }

    public required NbdCaseStatus Status { get; init; }

    /// <summary>What was seen, or why it failed or was skipped.</summary>
    public required string Seen { get; init; }

    /// <summary>Seconds of the host.</summary>
    public required double Seconds { get; init; }
}

/// <summary>How a case came out.</summary>
internal enum NbdCaseStatus
{
    Passed,
    Failed,
    Skipped,
}
