using Harness.Matrix;

namespace Harness.Copy;

/// <summary>What <c>harness copy</c> was asked for.</summary>
internal sealed record CopyOptions
{
    public const int DefaultRequestBytes = 256 << 10;

    public required string Source { get; init; }
    public required string Destination { get; init; }

    /// <summary>To each NBD server at most; a server that does not announce CAN_MULTI_CONN gets one.</summary>
    public int Connections { get; init; } = 4;

    /// <summary>In flight for each connection.</summary>
    public int Requests { get; init; } = 64;

    public int RequestBytes { get; init; } = DefaultRequestBytes;

    /// <summary>The destination is known to hold zeroes, so none are written.</summary>
    public bool DestinationIsZero { get; init; }

    /// <summary>Zeroes take space at the destination too.</summary>
    public bool Allocated { get; init; }

    /// <summary>The source is not asked for its holes.</summary>
    public bool NoExtents { get; init; }

    /// <summary>Both ends are read and compared afterwards.</summary>
    public bool Verify { get; init; }

    /// <summary>One of <see cref="Vocabulary.Backends"/>.</summary>
    public required string Backend { get; init; }

    /// <summary>One of <see cref="Vocabulary.Waits"/>.</summary>
    public required string Wait { get; init; }

    public string? Json { get; init; }
}
