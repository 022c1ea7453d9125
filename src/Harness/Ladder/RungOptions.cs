using Harness.Io;

namespace Harness.Ladder;

/// <summary>What <c>harness rung</c> was asked for.</summary>
internal sealed record RungOptions
{
    /// <summary>The entries of a ring that the kernel makes at most (IORING_MAX_ENTRIES), and so the largest batch of NOPs.</summary>
    public const int MaxNops = 32768;

    /// <summary>One of <see cref="Names"/>.</summary>
    public required string Rung { get; init; }

    /// <summary>Where the answering side listens; null for NOPs, system calls and events, which go nowhere.</summary>
    public required string? Uri { get; init; }

    public int Connections { get; init; } = 1;

    /// <summary>Requests in flight per connection, or NOPs in a batch.</summary>
    public int Depth { get; init; } = 64;

    /// <summary>Payload of a reply in bytes.</summary>
    public int PayloadBytes { get; init; } = 4096;

    /// <summary>Whether both sides ask over and over, or sleep until there is something.</summary>
    public bool Spins { get; init; }

    /// <summary>The variant whose events are moved; null for the other rungs.</summary>
    public LoopVariant? Variant { get; init; }

    /// <summary>Pipes of <see cref="Variant"/>'s test.</summary>
    public int Pipes { get; init; } = 32;

    /// <summary>Tokens of <see cref="Variant"/>'s test.</summary>
    public int Tokens { get; init; } = 1;

    /// <summary>System calls of the measured part, in place of <see cref="Duration"/>; null measures for that time. Other rungs know no count.</summary>
    public long? Ops { get; init; }

    /// <summary>The measured time.</summary>
    public TimeSpan Duration { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>At least as long before it.</summary>
    public TimeSpan Warmup { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>The process of the answering side, whose CPU time then is in the result.</summary>
    public int? ServerPid { get; init; }

    /// <summary>TCP congestion control of our sockets, by its kernel name; null leaves the machine's default.</summary>
    public string? TcpCongestion { get; init; }

    /// <summary>Where the result goes as JSON: a path, <c>-</c> for stdout, or null.</summary>
    public string? Json { get; init; }

    /// <summary>The rungs, the answering side of the exchange, the pipe test, and the bare system call.</summary>
    public static readonly string[] Names = [Matrix.Vocabulary.Nop, Matrix.Vocabulary.Exchange, Answer, Matrix.Vocabulary.Events, Matrix.Vocabulary.Syscall];

    /// <summary>The answering side of the exchange.</summary>
    public const string Answer = "answer";
}
